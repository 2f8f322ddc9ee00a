"""XML text as nodes that know where they stand. https://www.w3.org/TR/xml/

A document type declaration is refused at its first character: entities and outside files begin
there (https://hl7.org/fhir/R4/security.html#narrative names the attacks).
"""

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from hie.fhir.encoding import not_utf_8

XHTML = "http://www.w3.org/1999/xhtml"
DEEPEST = 128
"""Levels of elements; official resources have at most some twenty."""
# What expat says, with the same in Chinese.
REASONS = {
    "no element found": "没有元素，或文本提前结束",
    "not well-formed (invalid token)": "有不允许的字符或写法",
    "unclosed token": "标签没有写完",
    "mismatched tag": "结束标签与开始标签不一致",
    "duplicate attribute": "属性重复",
    "junk after document element": "文档结束后还有多余内容",
    "undefined entity": "未定义的实体",
    "unbound prefix": "命名空间前缀未声明",
}
UTF_8 = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00")
"""How a text in UTF-16 begins."""


class FhirXmlError(ValueError):
    """The text cannot be read as FHIR in XML; with the reason in English and Chinese, and the place."""

    def __init__(
        self, en: str, zh: str, *, line: int, column: int, path: str | None = None
    ) -> None:
        super().__init__(en)
        self.en = f"{en} (line {line}, column {column})"
        self.zh = f"{zh}（第 {line} 行第 {column} 列）"
        self.path = path


@dataclass(slots=True)
class Node:
    """One element. `text` is the element as it was written, kept for XHTML alone."""

    namespace: str
    name: str
    attributes: dict[str, str]
    line: int
    column: int
    start: int
    children: list["Node"] = field(default_factory=list)
    text: str | None = None


def parse(raw: bytes) -> Node:
    """The root node; raises FhirXmlError for text that is not well formed, or has a DTD or loose text."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.ordered_attributes = False
    reading = _Reading(raw, parser)
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    parser.StartDoctypeDeclHandler = reading.doctype
    parser.XmlDeclHandler = reading.declaration
    if raw.startswith(UTF_16):
        raise reading.encoded("UTF-16")
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        line, column = error.lineno, error.offset + 1
        encoding = not_utf_8(raw)
        if encoding is not None:
            raise FhirXmlError(*encoding, line=line, column=column) from error
        reason = expat.ErrorString(error.code)
        raise FhirXmlError(
            f"Not well-formed XML: {reason}",
            f"不是格式正确的 XML：{REASONS.get(reason, reason)}",
            line=line,
            column=column,
        ) from error
    return reading.root


class _Reading:
    def __init__(self, raw: bytes, parser: expat.XMLParserType) -> None:
        self.raw = raw
        self.parser = parser
        self.open: list[Node] = []
        self.root: Node
        self.xhtml = 0
        """Levels of open XHTML elements; inside them nodes are not kept, only the text."""

    def refuse(self, en: str, zh: str) -> FhirXmlError:
        return FhirXmlError(
            en,
            zh,
            line=self.parser.CurrentLineNumber,
            column=self.parser.CurrentColumnNumber + 1,
            path=".".join(node.name for node in self.open) or None,
        )

    def encoded(self, name: str) -> FhirXmlError:
        """FHIR's XML is in UTF-8: https://hl7.org/fhir/R4/xml.html"""
        return self.refuse(
            f"The text is declared to be in {name[:40]}; FHIR is sent in UTF-8",
            f"文本声明的编码为 {name[:40]}；FHIR 须以 UTF-8 发送",
        )

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in UTF_8:
            raise self.encoded(encoding)

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(" ")
        if self.xhtml:
            self.xhtml += 1
            if self.xhtml > DEEPEST:
                raise self.refuse("Elements are nested too deeply", "元素嵌套过深")
            return
        if len(self.open) >= DEEPEST:
            raise self.refuse("Elements are nested too deeply", "元素嵌套过深")
        node = Node(
            namespace,
            name,
            attributes,
            self.parser.CurrentLineNumber,
            self.parser.CurrentColumnNumber + 1,
            self.parser.CurrentByteIndex,
        )
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        if namespace == XHTML:
            self.xhtml = 1
        self.open.append(node)

    def end(self, _qualified: str) -> None:
        if self.xhtml > 1:
            self.xhtml -= 1
            return
        node = self.open.pop()
        if self.xhtml:
            self.xhtml = 0
            index = self.parser.CurrentByteIndex
            # For <div/> the parser stands at its start, for <div></div> at the closing tag.
            closing = self.raw.index(b">", index)
            node.text = self.raw[node.start : closing + 1].decode()

    def characters(self, text: str) -> None:
        if not self.xhtml and text.strip():
            raise self.refuse(
                f"Text outside an attribute: '{text.strip()[:40]}'; FHIR writes values as value=\"…\"",
                f"属性之外出现文本“{text.strip()[:40]}”；FHIR 的值写在 value 属性中",
            )

    def doctype(self, *_details: Any) -> None:
        raise self.refuse("A DOCTYPE is not allowed", "不允许使用 DOCTYPE")
