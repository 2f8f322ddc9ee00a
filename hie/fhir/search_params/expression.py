"""Parser of the FHIRPath subset in which R4 states its search expressions.

https://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.expression

An expression is a union of paths; a path is a sequence of steps from the resource. Everything that
occurs in the R4 package is understood, and anything else raises `UnsupportedExpression`: an expression
is never half understood.
"""

import re
from dataclasses import dataclass


class UnsupportedExpression(ValueError):  # noqa: N818 - says what it is
    """The expression uses something outside the subset."""


@dataclass(frozen=True, slots=True)
class Child:
    """`.name`, and as the first step of a path the type or `%resource`."""

    name: str


@dataclass(frozen=True, slots=True)
class OfType:
    """`as Type`, `.as(Type)` and `.ofType(Type)`."""

    type: str


@dataclass(frozen=True, slots=True)
class WhereEquals:
    """`.where(name='value')`"""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class WhereResolves:
    """`.where(resolve() is Type)`: by what the reference says, nothing is fetched."""

    type: str


@dataclass(frozen=True, slots=True)
class WhereExtension:
    """`.where(hasExtension('url'))`"""

    url: str


@dataclass(frozen=True, slots=True)
class Extension:
    """`.extension('url')`: stands for the extension's value."""

    url: str


@dataclass(frozen=True, slots=True)
class Index:
    """`[n]`"""

    position: int


@dataclass(frozen=True, slots=True)
class Truth:
    """`X.exists() and X != false`: whether X is there and does not deny."""


Step = Child | OfType | WhereEquals | WhereResolves | WhereExtension | Extension | Index | Truth
Path = tuple[Step, ...]

_TOKEN = re.compile(r"\s*('[^']*'|!=|%?\w+|[().|\[\]=])")


def parse(expression: str) -> tuple[Path, ...]:
    """The paths of the union. Raises UnsupportedExpression."""
    parser = _Parser(_tokens(expression), expression)
    paths = parser.union()
    if parser.peek():
        raise UnsupportedExpression(expression)
    return paths


def _tokens(expression: str) -> list[str]:
    tokens = []
    position = 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise UnsupportedExpression(expression)
        tokens.append(match[1])
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], expression: str) -> None:
        self.tokens = tokens
        self.position = 0
        self.expression = expression

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if not token or (expected and token not in expected):
            raise UnsupportedExpression(self.expression)
        self.position += 1
        return token

    def name(self) -> str:
        token = self.take()
        if not re.fullmatch(r"%?\w+", token):
            raise UnsupportedExpression(self.expression)
        return token

    def union(self) -> tuple[Path, ...]:
        paths = list(self.term())
        while self.peek() == "|":
            self.take()
            paths += self.term()
        return tuple(paths)

    def term(self) -> list[Path]:
        paths = self.postfix()
        if self.peek() == "as":
            self.take()
            step = OfType(self.name())
            paths = [(*path, step) for path in paths]
        elif self.peek() == "and":
            # the one conjunction in R4: Patient.deceased.exists() and Patient.deceased != false
            self.take()
            denied = self.postfix()
            self.take("!=")
            self.take("false")
            if [(*path, Truth()) for path in denied] != paths:
                raise UnsupportedExpression(self.expression)
        return paths

    def postfix(self) -> list[Path]:
        if self.peek() == "(":
            self.take()
            paths = list(self.union())
            self.take(")")
        else:
            paths = [(Child(self.name()),)]
        while self.peek() in (".", "["):
            step = self.step()
            paths = [(*path, step) for path in paths]
        return paths

    def step(self) -> Step:
        if self.take(".", "[") == "[":
            position = self.take()
            if not re.fullmatch("[0-9]{1,9}", position):
                raise UnsupportedExpression(self.expression)
            self.take("]")
            return Index(int(position))
        name = self.name()
        if self.peek() != "(":
            return Child(name)
        self.take("(")
        step = self.function(name)
        self.take(")")
        return step

    def function(self, name: str) -> Step:
        if name in ("as", "ofType"):
            return OfType(self.name())
        if name == "extension":
            return Extension(self.literal())
        if name == "exists":
            return Truth()
        if name != "where":
            raise UnsupportedExpression(self.expression)
        subject = self.name()
        if self.peek() == "(":
            self.take("(")
            if subject == "hasExtension":
                url = self.literal()
                self.take(")")
                return WhereExtension(url)
            if subject != "resolve":
                raise UnsupportedExpression(self.expression)
            self.take(")")
            self.take("is")
            return WhereResolves(self.name())
        self.take("=")
        return WhereEquals(subject, self.literal())

    def literal(self) -> str:
        token = self.take()
        if not token.startswith("'"):
            raise UnsupportedExpression(self.expression)
        return token[1:-1]
