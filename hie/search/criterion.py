"""One `name=value` of a search: parameter, modifier, chain, values.

https://hl7.org/fhir/R4/search.html#modifiers, #chaining, #has
"""

from collections.abc import Callable

from hie.fhir.definitions import RESOURCE_TYPES
from hie.search import full_text, listed
from hie.search.escape import split, unescape
from hie.search.parameters import Parameter
from hie.search.params.kinds import KINDS
from hie.search.problems import malformed, refused, unknown
from hie.search.query import (
    All,
    Chain,
    Has,
    Ids,
    Match,
    Missing,
    Node,
    Not,
    TokenValue,
    UriValue,
)
from hie.search.query import Any as AnyNode
from hie.search.queryable import queryable

DEEPEST = 6
"""How many chains and reverse chains may be nested."""
MOST_VALUES = 1000
MOST_SHOWN = 12
"""Types that a refusal lists; more are no help."""
NEGATED = {"not": "", "not-in": "in"}
"""Modifiers that ask for what the other one does not find."""
ADDRESSES = frozenset({"canonical", "uri", "url"})
_TYPES = frozenset(RESOURCE_TYPES)


GENERAL: dict[str, Callable[[str, str], Node]] = {
    listed.NAME: listed.parse_list,
    **dict.fromkeys(full_text.NAMES, full_text.parse_full_text),
}
"""Parameters of every type that read no element of their own."""
ELSEWHERE = frozenset({"_has", *GENERAL})


def criterion(
    type_name: str, name: str, value: str, depth: int = 0, asked: str | None = None
) -> Node:
    """The node for one parameter of a search on `type_name`. Raises Problem 400.

    `asked`: the whole name that was sent, where `name` is the end of it.
    """
    asked = asked or name
    if depth > DEEPEST:
        raise refused(
            name,
            f"chained more than {DEEPEST} times",
            f"链式检索超过 {DEEPEST} 层",
            "too-costly",
        )
    if name.startswith("_has:"):
        return _has(type_name, name, value, depth, asked)
    if name in GENERAL:
        return GENERAL[name](name, value)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = queryable(type_name).get(code)
    if parameter is None:
        raise unknown(code, type_name, queryable(type_name))
    if dot:
        return _chain(parameter, modifier, rest, value, depth, asked)
    if modifier == "missing":
        return _missing(parameter, value)
    values = split(value, ",")
    if len(values) > MOST_VALUES:
        raise refused(
            code,
            f"more than {MOST_VALUES} values",
            f"取值超过 {MOST_VALUES} 个",
            "too-costly",
        )
    if code == "_id":
        return _ids(type_name, modifier, values)
    return _match(parameter, modifier, values, asked)


def _match(parameter: Parameter, modifier: str, values: list[str], asked: str) -> Node:
    kind = KINDS[parameter.kind]
    if modifier and modifier not in kind.modifiers:
        shown = sorted(m for m in kind.modifiers if m not in _TYPES)
        types = _targets(parameter) if parameter.kind == "reference" else ()
        types = types if len(types) <= MOST_SHOWN else ("[type]",)
        raise malformed(
            f"{parameter.code}:{modifier}", modifier, "|".join(("missing", *shown, *types))
        )
    if modifier in _TYPES and modifier not in _targets(parameter):
        raise malformed(f"{parameter.code}:{modifier}", modifier, "|".join(_targets(parameter)))
    negated = modifier in NEGATED
    plain = NEGATED.get(modifier, modifier)
    parsed = tuple(kind.parse(parameter, plain, value) for value in values)
    node = Match(parameter, plain, parsed, asked)
    if negated:
        return Not(node)
    return node if modifier else _with_versions(node)


def _with_versions(node: Match) -> Node:
    """The node, for addresses of definitions also as `address|version`.

    "servers SHOULD support automatically detecting a |[version] portion as part of the search parameter"
    (https://hl7.org/fhir/R4/search.html#uri). An address that itself has a bar is still found by it.
    """
    stated = queryable(node.parameter.type_name).get("version")
    if node.parameter.kind != "uri" or node.parameter.code != "url" or stated is None:
        return node
    found: list[Node] = []
    for value in node.values:
        url = value.url if isinstance(value, UriValue) else ""
        address, _, version = url.partition("|")
        if address and version:
            own = Match(node.parameter, "", (UriValue(address),))
            found.append(All((own, Match(stated, "", (TokenValue(None, version),)))))
    return AnyNode((node, *found)) if found else node


def _targets(parameter: Parameter) -> tuple[str, ...]:
    """The types that the parameter's references can point to."""
    return parameter.targets if parameter.only_type is None else (parameter.only_type,)


def _missing(parameter: Parameter, value: str) -> Node:
    if value not in ("true", "false"):
        raise malformed(f"{parameter.code}:missing", value, "true|false")
    if parameter.kind == "composite":
        raise refused(
            f"{parameter.code}:missing",
            "ask for the parts of a composite instead",
            "请改为查询组合参数的各个部分",
        )
    return Missing(parameter, value == "true")


def _ids(type_name: str, modifier: str, values: list[str]) -> Node:
    if modifier not in ("", "not"):
        raise malformed(f"_id:{modifier}", modifier, "missing|not")
    node = Ids((type_name,), tuple(unescape(value) for value in values))
    return Not(node) if modifier else node


def _chain(
    parameter: Parameter, modifier: str, rest: str, value: str, depth: int, asked: str
) -> Node:
    """`subject:Patient.name=…`"""

    def condition(type_name: str) -> Node:
        return criterion(type_name, rest, value, depth + 1, asked)

    return chain(parameter, modifier, rest, condition)


def chain(parameter: Parameter, modifier: str, rest: str, condition: Callable[[str], Node]) -> Node:
    """The node for what the parameter refers to; `condition` is asked of each type that can be meant.

    Without a type as modifier it is every type that has the parameter with which `rest` begins.
    Raises Problem 400.
    """
    if parameter.kind != "reference":
        raise refused(parameter.code, "only a reference can be chained", "只有引用可以链式检索")
    _require_places(parameter)
    code = rest.partition(".")[0].partition(":")[0]
    targets = _targets(parameter)
    if modifier:
        if modifier not in targets:
            raise malformed(f"{parameter.code}:{modifier}", modifier, "|".join(targets))
        targets = (modifier,)
    types = [t for t in targets if t in _TYPES and (code in queryable(t) or code in ELSEWHERE)]
    if not types:
        known = queryable(targets[0]) if len(targets) == 1 else ()
        raise unknown(f"{parameter.code}.{rest}", "|".join(targets[:MOST_SHOWN]), known)
    nodes = tuple(Chain(parameter, each, condition(each)) for each in types)
    return nodes[0] if len(nodes) == 1 else AnyNode(nodes)


def _require_places(parameter: Parameter) -> None:
    """Problem 400 for parameters whose values are all canonical: these name a definition, wherever and
    in whatever version it is, and not a resource of this server. An empty answer would say otherwise.
    """
    if parameter.sources and all(source.type in ADDRESSES for source in parameter.sources):
        raise refused(
            parameter.code,
            "it holds canonical addresses, which are not followed; ask for the address itself",
            "其值为规范地址（canonical），不支持沿其检索，请直接按地址查询",
        )


def _has(type_name: str, name: str, value: str, depth: int, asked: str) -> Node:
    """`_has:Observation:patient:code=…`"""
    pieces = name.split(":", 3)
    if len(pieces) != 4:
        raise malformed(name, name, "_has:Type:reference:parameter")
    _, source, code, rest = pieces
    if source not in _TYPES:
        raise malformed(name, source, "_has:Type:reference:parameter")
    parameter = queryable(source).get(code)
    if parameter is None or parameter.kind != "reference" or type_name not in parameter.targets:
        allowed = [
            c
            for c, p in queryable(source).items()
            if p.kind == "reference" and type_name in p.targets
        ]
        raise unknown(f"{source}:{code}", type_name, allowed)
    _require_places(parameter)
    return Has(parameter, criterion(source, rest, value, depth + 1, asked))
