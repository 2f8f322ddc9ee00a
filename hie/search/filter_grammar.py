"""The text of `_filter` as a tree of tests. https://hl7.org/fhir/R4/search_filter.html

"Logical expressions are evaluated left to right, with no precedence between and and or."
"""

from dataclasses import dataclass
from typing import Any, Literal

import orjson
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

LONGEST = 4000
DEEPEST = 20
"""How deep brackets may be nested: a parser of nested text needs memory for each level."""

GRAMMAR = r"""
?filter: operand (LOGICAL operand)*
?operand: test
        | "(" filter ")"
        | "not" "(" filter ")" -> negated
test: path OPERATION (STRING | TOKEN)
path: step ("." step)*
step: NAME ("[" filter "]")?

LOGICAL.2: /(and|or)(?=[\s(])/
OPERATION: /[a-z]{2}(?=\s)/
NAME: /[A-Za-z_][A-Za-z0-9_:-]*/
STRING.2: /"(\\.|[^"\\])*"/
TOKEN: /[^\s\])"][^\s\])]*/
%ignore /\s+/
"""
_PARSER = Lark(GRAMMAR, start="filter", parser="lalr", propagate_positions=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path; `only`: what must also hold where it leads."""

    name: str
    only: "Filter | None"


@dataclass(frozen=True, slots=True)
class Test:
    """`path operation value`"""

    path: tuple[Step, ...]
    operation: str
    value: str
    quoted: bool
    """Whether the value was a JSON string, in which no character has a meaning of its own."""


@dataclass(frozen=True, slots=True)
class Logical:
    """Two filters joined."""

    operation: Literal["and", "or"]
    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True)
class Negated:
    """`not (…)`"""

    filter: "Filter"


Filter = Test | Logical | Negated


def parse_filter(text: str) -> Filter:
    """The tree of a filter. Raises ValueError, whose text says where the text cannot be read."""
    if len(text) > LONGEST or _depth(text) > DEEPEST:
        raise ValueError(f"longer than {LONGEST} characters or nested deeper than {DEEPEST}")
    try:
        return _filter(_PARSER.parse(text))
    except UnexpectedInput as error:
        column = max(error.pos_in_stream or 0, 0)
        raise ValueError(f"at character {column + 1}: '{text[column : column + 20]}'") from None


def _depth(text: str) -> int:
    deepest = depth = 0
    for each in text:
        depth += (each in "([") - (each in ")]")
        deepest = max(deepest, depth)
    return deepest


def _filter(tree: Tree[Token]) -> Filter:
    match tree.data:
        case "test":
            return _test(tree)
        case "negated":
            return Negated(_filter(_tree(tree.children[0])))
        case _:
            found = _filter(_tree(tree.children[0]))
            for logical, operand in zip(tree.children[1::2], tree.children[2::2], strict=True):
                right = _filter(_tree(operand))
                found = Logical("and" if logical == "and" else "or", found, right)
            return found


def _test(tree: Tree[Token]) -> Test:
    path, operation, value = tree.children
    quoted = isinstance(value, Token) and value.type == "STRING"
    text = orjson.loads(str(value)) if quoted else str(value)
    return Test(tuple(map(_step, _tree(path).children)), str(operation), text, quoted)


def _step(tree: Any) -> Step:
    name, *only = tree.children
    return Step(str(name), _filter(_tree(only[0])) if only else None)


def _tree(child: Any) -> Tree[Token]:
    assert isinstance(child, Tree)  # noqa: S101 - the grammar has no token here
    return child
