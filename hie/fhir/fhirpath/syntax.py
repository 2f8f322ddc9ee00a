"""The text of a FHIRPath expression as a tree. https://hl7.org/fhirpath/N1/#appendix-a

The tree has the nodes of fhirpathpy, whose parser this module calls so that nothing is left over. It
is then put right: the order of operators, signs, and the literals whose type the library would lose.
Such a literal becomes a variable that is named by its own text.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from fhirpathpy import parser as library
from fhirpathpy.engine import nodes

_LIBRARY: Any = library
_DATE_TIME: Any = nodes.FP_DateTime
_NODE: Any = nodes.ResourceNode
Tree = dict[str, Any]

# Names of functions that an expression cannot call: no name has a blank.
SIGNS = {"-": "with minus", "+": "with plus"}
DESCENDING = "in descending order"

STRING = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# Taken by the library's grammar, and not by FHIRPath's.
_ZONED_TIME = re.compile(r"@T\d\d(?::\d\d){0,2}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
# A dateTime without a time, which the library's grammar lacks.
_BARE_DATE_TIME = re.compile(r"@\d{4}(?:-\d\d(?:-\d\d)?)?T(?!\d)")
# In the library's grammar these bind more tightly than `is` and `as`; by the specification, less.
_LOOSER_THAN_TYPES = frozenset(("UnionExpression", "InequalityExpression"))


# What the library asks for by its text, besides literals.
_WITH_TEXT = frozenset(
    ("LiteralTerm", "Identifier", "TypeSpecifier", "InvocationExpression", "TermExpression")
)


class PathError(ValueError):
    """An expression that cannot be evaluated, or that is not allowed here."""


class Parsed(NamedTuple):
    """An expression: its tree, and the values of its literals by name of the variable."""

    tree: Tree
    literals: Mapping[str, Any]


class _Refusal(_LIBRARY.ErrorListener):  # type: ignore[misc]  # the library gives no type
    def syntaxError(  # noqa: N802 - the library's name
        self, _recognizer: Any, _symbol: Any, line: int, column: int, message: str, _error: Any
    ) -> NoReturn:
        raise PathError(f"line {line}, column {column + 1}: {message}")


def parse(expression: str) -> Parsed:
    """The tree of the whole expression. PathError if it is none."""
    bare = _COMMENT.sub(" ", STRING.sub("''", expression))
    if "/*" in bare or _ZONED_TIME.search(bare):
        raise PathError("an unfinished comment, or a time with a zone")
    text = outside_strings(_BARE_DATE_TIME, r"%`\g<0>`", expression)
    literals: dict[str, Any] = {
        each: _DATE_TIME(each[1:-1]) for each in _BARE_DATE_TIME.findall(bare)
    }
    try:
        tree = _corrected(_read(text), literals)
    except PathError:
        raise
    except RecursionError as error:
        raise PathError("nested too deeply") from error
    except Exception as error:  # the library raises whatever it met
        raise PathError(f"not an expression: {error}") from error
    return Parsed(tree, literals)


def outside_strings(pattern: re.Pattern[str], new: str, expression: str) -> str:
    """The expression with what the pattern finds replaced, but not in strings and delimited names."""
    pieces: list[str] = []
    position = 0
    for text in STRING.finditer(expression):
        pieces += (pattern.sub(new, expression[position : text.start()]), text[0])
        position = text.end()
    return "".join(pieces) + pattern.sub(new, expression[position:])


def calls(tree: Tree) -> Iterator[str]:
    """The name of every function that is called in the tree."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        nodes += node.get("children", ())
        if node["type"] == "Functn":
            yield node["children"][0]["text"]


def _read(text: str) -> Tree:
    refusal = _Refusal()
    lexer = _LIBRARY.FHIRPathLexer(_LIBRARY.InputStream(text))
    reader = _LIBRARY.FHIRPathParser(_LIBRARY.CommonTokenStream(lexer))
    for each in (lexer, reader):
        each.removeErrorListeners()
        each.addErrorListener(refusal)
    return _node(reader.entireExpression().expression())


def _node(rule: Any) -> Tree:
    """The library's own node of a rule, without its listener, which costs more than twice as much."""
    kind = type(rule).__name__.removesuffix("Context")
    words, children = [], []
    for child in rule.children or ():
        if isinstance(child, _LIBRARY.TerminalNode):
            words.append(child.getText())
        else:
            children.append(_node(child))
    node: Tree = {"type": kind, "terminalNodeText": words}
    if kind.endswith("Literal") or kind in _WITH_TEXT:
        node["text"] = rule.getText()
    return {**node, "children": children} if children else node


def _corrected(node: Tree, literals: dict[str, Any]) -> Tree:
    children = [_corrected(child, literals) for child in node.get("children", ())]
    node = {**node, "children": children} if children else node
    match node["type"]:
        case "LiteralTerm" if children:
            return _literal(node, children[0], literals)
        case "PolarityExpression":
            return _called(SIGNS[node["terminalNodeText"][0]], children[0])
        case "TypeExpression":
            return _typed(node, children[0], children[1])
        case "Functn" if children[0]["text"] == "sort" and len(children) > 1:
            keys = [_sort_key(key) for key in children[1]["children"]]
            return {**node, "children": [children[0], {**children[1], "children": keys}]}
    return node


def _typed(node: Tree, subject: Tree, name: Tree) -> Tree:
    """`is` or `as` on the last operand of what binds less tightly."""
    if subject["type"] not in _LOOSER_THAN_TYPES:
        return {**node, "children": [subject, name]}
    left, right = subject["children"]
    return {**subject, "children": [left, _typed(node, right, name)]}


def _literal(term: Tree, literal: Tree, literals: dict[str, Any]) -> Tree:
    """The term itself, or a variable in its place if the library would change the type."""
    text = str(literal["text"])
    if literal["type"] == "NumberLiteral" and "." in text:
        literals[text] = Decimal(text)
    elif literal["type"] == "DateTimeLiteral" and "T" not in text:
        date = _DATE_TIME(text[1:])
        if date is None:
            raise PathError(f"{text} is no date")
        literals[text] = _NODE(date, "System.Date")
    else:
        return term
    return {
        "type": "ExternalConstantTerm",
        "children": [
            {"type": "ExternalConstant", "children": [{"type": "Identifier", "text": text}]}
        ],
    }


def _called(name: str, argument: Tree) -> Tree:
    function = {"type": "Functn", "children": [{"type": "Identifier", "text": name}]}
    invocation = {"type": "FunctionInvocation", "children": [function]}
    return {"type": "InvocationExpression", "children": [argument, invocation]}


def _sort_key(key: Tree) -> Tree:
    """A minus before a key of `sort` is the order and no sign."""
    if key["type"] != "InvocationExpression":
        return key
    argument, invocation = key["children"][0], key["children"][-1]
    if invocation == _called(SIGNS["-"], argument)["children"][1]:
        return _called(DESCENDING, argument)
    return key
