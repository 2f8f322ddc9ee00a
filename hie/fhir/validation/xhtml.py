"""Narrative: well-formed XHTML of a safe subset. https://hl7.org/fhir/R4/narrative.html#xhtml

Elements and attributes are those of the invariant txt-1. Its sister txt-2, that there be some text,
is not enforced: four of the specification's own examples have none. Narrative is shown in
browsers, so links that would run a script are refused as well.
"""

from typing import Any
from xml.parsers import expat

from hie.fhir.validation.finding import Findings, Surroundings, one, shown, wrong_shape

NAMESPACE = "http://www.w3.org/1999/xhtml"
ELEMENTS = frozenset(
    """
    a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2
    h3 h4 h5 h6 hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th
    thead tr tt ul var
    """.split()  # noqa: SIM905 - one column of seventy short strings reads worse
)
ATTRIBUTES = frozenset(
    """
    abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign
    char charoff charset cite class colspan compact coords dir frame headers height href
    hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src
    start style summary tabindex title type valign value vspace width xmlns
    """.split()  # noqa: SIM905 - one column of seventy short strings reads worse
)
_ACTIVE = ("javascript:", "vbscript:", "data:text")


class _Refused(Exception):  # noqa: N818 - carries the two texts out of the parser's call-backs
    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.texts = en, zh


def check_xhtml(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
    """The check of the primitive datatype xhtml."""
    if type(value) is not str:
        return wrong_shape(value, "a string (xhtml)", "字符串（xhtml）")
    try:
        _parse(value)
    except expat.ExpatError as error:
        return one(
            "structure", f"the XHTML is not well formed: {error}", f"XHTML 格式不正确：{error}"
        )
    except _Refused as refused:
        return one("structure", *refused.texts)
    return None


def _parse(text: str) -> None:
    parser = expat.ParserCreate("UTF-8")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if depth == 0 and (name != "div" or attributes.get("xmlns") != NAMESPACE):
            raise _Refused(
                f'the narrative must be one <div xmlns="{NAMESPACE}">',
                f'叙述必须是一个 <div xmlns="{NAMESPACE}">',
            )
        if name not in ELEMENTS:
            raise _Refused(f"<{name[:40]}> is not allowed", f"不允许使用 <{name[:40]}>")
        for key, value in attributes.items():
            if key not in ATTRIBUTES and not key.startswith(("xml:", "xmlns:")):
                raise _Refused(
                    f"the attribute {key[:40]} is not allowed", f"不允许使用属性 {key[:40]}"
                )
            if key in ("href", "src") and value.strip().lower().startswith(_ACTIVE):
                raise _Refused(
                    f"the link {shown(value)} is not allowed", f"不允许使用链接 {shown(value)}"
                )
        depth += 1

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_details: Any) -> None:
        raise _Refused("a DOCTYPE is not allowed", "不允许使用 DOCTYPE")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    parser.Parse(text, True)
