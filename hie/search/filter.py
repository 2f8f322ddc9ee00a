"""`_filter`: a search as one expression. https://hl7.org/fhir/R4/search_filter.html

Each test becomes what the same question by a parameter becomes. "Values are never case sensitive".
Of tokens, strings, references and addresses `ne` holds where there is a value and none that is equal;
the table's "an unequal value" among several is not what anybody asks for.
"""

from dataclasses import replace

from hie.search import filter_grammar
from hie.search.criterion import NEGATED, chain, criterion
from hie.search.filter_grammar import Filter, Logical, Negated, Step, Test
from hie.search.parameters import Parameter
from hie.search.params import date
from hie.search.params.kinds import KINDS
from hie.search.problems import malformed, refused, unknown
from hie.search.query import All, Any, Match, Missing, Node, Not, StringValue
from hie.search.queryable import queryable

NAME = "_filter"
MOST_TESTS = 100
ORDERED = frozenset({"date", "number", "quantity"})
PREFIXES = frozenset({"gt", "lt", "ge", "le", "ap", "sa", "eb"})
OPERATIONS: dict[str, dict[str, str]] = {
    "token": {
        "eq": "",
        "ne": "not",
        "ss": "below",
        "sb": "above",
        "in": "in",
        "ni": "not-in",
        "co": "text",
    },
    "reference": {"eq": "", "re": "", "ne": "not"},
    "uri": {"eq": "", "ne": "not", "sw": "below"},
    "string": {"eq": "equals", "ne": "not", "co": "contains", "sw": "", "ew": "ends"},
    "composite": {"eq": ""},
}
"""By kind of parameter the operations on it, each with the modifier that asks the same."""


def filtered(type_name: str, text: str) -> Node:
    """The node for a filter on `type_name`. Problem 400 says where it cannot be understood."""
    try:
        tree = filter_grammar.parse_filter(text)
    except ValueError as error:
        raise refused(
            NAME,
            f"the filter cannot be read {error}",
            f"无法识别筛选表达式（{error}）",
            "value",
        ) from None
    if _tests(tree) > MOST_TESTS:
        raise refused(
            NAME, f"more than {MOST_TESTS} tests", f"条件超过 {MOST_TESTS} 个", "too-costly"
        )
    return _node(type_name, tree, 0)


def _tests(tree: Filter) -> int:
    match tree:
        case Test():
            return 1 + sum(_tests(step.only) for step in tree.path if step.only is not None)
        case Negated():
            return _tests(tree.filter)
        case Logical():
            return _tests(tree.left) + _tests(tree.right)


def _node(type_name: str, tree: Filter, depth: int) -> Node:
    match tree:
        case Test():
            return _path(type_name, tree.path, tree, depth)
        case Negated():
            return Not(_node(type_name, tree.filter, depth))
        case Logical():
            both = (_node(type_name, tree.left, depth), _node(type_name, tree.right, depth))
            return All(both) if tree.operation == "and" else Any(both)


def _path(type_name: str, path: tuple[Step, ...], test: Test, depth: int) -> Node:
    """The test at the end of the path; each step but the last leads over a reference."""
    step, *rest = path
    if not rest:
        if step.only is not None:
            raise refused(NAME, f"nothing follows {step.name}[…]", f"{step.name}[…] 之后没有内容")
        return _test(type_name, step.name, test, depth)
    code, _, modifier = step.name.partition(":")
    parameter = queryable(type_name).get(code)
    if parameter is None:
        raise unknown(code, type_name, queryable(type_name))

    def beyond(target: str) -> Node:
        node = _path(target, tuple(rest), test, depth + 1)
        return node if step.only is None else All((_node(target, step.only, depth + 1), node))

    return chain(parameter, modifier, rest[0].name, beyond)


def _test(type_name: str, code: str, test: Test, depth: int) -> Node:
    parameter = queryable(type_name).get(code)
    if parameter is None:
        raise unknown(code, type_name, queryable(type_name))
    if "\x00" in test.value:  # no text that PostgreSQL can hold
        raise malformed(NAME, test.value.replace("\x00", "␀"), "text without U+0000")
    if test.operation == "pr":
        absent = {"true": "false", "false": "true"}.get(test.value, test.value)
        return criterion(type_name, f"{code}:missing", absent, depth, NAME)
    value = test.value.replace(",", r"\,")  # one value, whatever is in it
    if parameter.kind in ORDERED:
        return _ordered(parameter, test.operation, value)
    modifiers = OPERATIONS.get(parameter.kind, {})
    if test.operation not in modifiers:
        raise _no_operation(parameter, test.operation)
    modifier = modifiers[test.operation]
    if parameter.kind == "string":
        equal = Match(parameter, "equals", (StringValue(test.value),))
        if not test.value.strip():
            raise malformed(parameter.code, test.value, "text")
        return _unequal(equal) if modifier == "not" else replace(equal, modifier=modifier)
    plain = NEGATED.get(modifier, modifier)
    found = criterion(type_name, f"{code}:{plain}" if plain else code, value, depth, NAME)
    if modifier == "not":
        return _unequal(found)
    return Not(found) if modifier in NEGATED else found


def _unequal(equal: Node) -> Node:
    present = [Missing(equal.parameter, missing=False)] if isinstance(equal, Match) else []
    return All((*present, Not(equal)))


def _ordered(parameter: Parameter, operation: str, value: str) -> Node:
    """Dates, numbers and quantities: the operations are the prefixes of their values."""
    kind = KINDS[parameter.kind]
    if operation == "po" and parameter.kind == "date":
        period = date.parse(parameter, "", f"eq{value}")
        return Match(parameter, "", (replace(period, prefix="po"),))
    if operation not in PREFIXES | {"eq", "ne"}:
        raise _no_operation(parameter, operation)
    return Match(parameter, "", (kind.parse(parameter, "", f"{operation}{value}"),))


def _no_operation(parameter: Parameter, operation: str) -> Exception:
    known = {*OPERATIONS.get(parameter.kind, {}), "pr"}
    if parameter.kind in ORDERED:
        known |= PREFIXES | {"eq", "ne"} | ({"po"} if parameter.kind == "date" else set())
    return malformed(f"{NAME}: {parameter.code}", operation, "|".join(sorted(known)))
