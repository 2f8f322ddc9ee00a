"""Names in an expression that no type of R4 has, found before evaluation.

https://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation: evaluated, such a name finds nothing, and a
misspelt path looks like one that fits no element.
"""

from collections.abc import Sequence

from hie.fhir.definitions import member, primitives, type_definition
from hie.fhir.fhirpath.syntax import PathError, Tree
from hie.fhir.fhirpath.typed import SYSTEM_TYPES, base_of, known_type

# The types that an expression can lead to; None where that is not known.
Types = frozenset[str] | None
# Their elements depend on what stands there.
_OPEN = frozenset(("Resource", "DomainResource", "Element", "BackboneElement"))
_SAME = frozenset(
    (
        *("where", "first", "last", "single", "tail", "skip", "take", "trace", "distinct", "sort"),
        *("exclude", "intersect"),
    )
)
_PER_ITEM = frozenset(
    ("where", "select", "all", "exists", "sort", "iif", "aggregate", "coalesce", "trace")
)
_UNORDERED = frozenset(("children", "descendants"))
_ORDERED = frozenset(("first", "last", "tail", "skip", "take"))


def check(tree: Tree, type_name: str, *, strict: bool) -> None:
    """PathError if the expression names an element that the types it leads to do not have.

    Strictly, a choice has only its own name and `children()` have no order; else `valueQuantity` stands
    for `value`, as in JSON.
    """
    try:
        _Check(strict).expression(tree, frozenset((type_name,)))
    except RecursionError as error:
        raise PathError("nested too deeply") from error


def _name(identifier: Tree) -> str:
    return str(identifier["text"]).strip("`")


def _function(node: Tree) -> tuple[str, Sequence[Tree]]:
    """The name and the arguments of an invocation; no name if it is no function."""
    if node["type"] != "FunctionInvocation":
        return "", ()
    name, *lists = node["children"][0]["children"]
    return str(name["text"]), lists[0]["children"] if lists else ()


def _type_named(node: Tree) -> Types:
    """What a type specifier leaves; None for types of FHIRPath itself."""
    *namespace, name = str(node["text"]).replace("`", "").split(".")
    if not known_type(name):
        raise PathError(f"there is no type {name}")
    return None if name in SYSTEM_TYPES and namespace != ["FHIR"] else frozenset((name,))


def _united(found: Sequence[Types]) -> Types:
    known = [types for types in found if types is not None]
    return frozenset().union(*known) if found and len(known) == len(found) else None


class _Check:
    def __init__(self, strict: bool) -> None:
        self.strict = strict

    def expression(self, node: Tree, this: Types) -> Types:
        """The types that it leads to where `$this` is of the given ones."""
        children = node.get("children", ())
        match node["type"]:
            case "InvocationTerm":
                return self.first(children[0], this)
            case "InvocationExpression":
                before = self.expression(children[0], this)
                self.order(children[0], children[1])
                return self.invocation(children[1], before, this)
            case "TypeExpression":
                self.expression(children[0], this)
                return _type_named(children[1]) if node["terminalNodeText"] == ["as"] else None
        found = [self.expression(child, this) for child in children]
        match node["type"]:
            case "IndexerExpression":
                self.order(children[0], None)
                return found[0]
            case "TermExpression" | "ParenthesizedTerm" | "UnionExpression":
                return _united(found)
        return None

    def first(self, node: Tree, this: Types) -> Types:
        """The start of a path, which may be the name of the type that it starts from."""
        name = _name(node["children"][0]) if node["type"] == "MemberInvocation" else ""
        if this is None or not name[:1].isupper() or not known_type(name):
            return self.invocation(node, this, this)
        fitting = frozenset(each for each in this if name in _with_bases(each))
        if not fitting:
            raise PathError(f"the path starts at {name}, and this is {_listed(this)}")
        return fitting

    def invocation(self, node: Tree, before: Types, this: Types) -> Types:
        match node["type"]:
            case "MemberInvocation":
                return self.member(before, _name(node["children"][0]))
            case "ThisInvocation":
                return this
            case "FunctionInvocation":
                return self.function(*_function(node), before, this)
        return None

    def function(self, name: str, arguments: Sequence[Tree], before: Types, this: Types) -> Types:
        if name in ("as", "ofType", "is") and len(arguments) == 1:
            named = _type_named(arguments[0])
            return None if name == "is" else named
        if name == "repeat":  # it comes again to what it has found
            return None
        inner = before if name in _PER_ITEM else this
        found = [self.expression(argument, inner) for argument in arguments]
        match name:
            case "select" | "iif":
                return _united(found[-1:] if name == "select" else found[1:])
            case "union" | "combine":
                return _united([before, *found])
            case "extension":
                return frozenset(("Extension",))
        return before if name in _SAME else None

    def member(self, before: Types, name: str) -> Types:
        if before is None:
            return None
        found: list[Types] = []
        for each in before:
            if each in _OPEN:
                return None
            owner = type_definition("Element" if each in primitives() else each)
            element = owner.elements.get(name)
            if element is not None:
                found.append(frozenset(element.types))
            elif not self.strict and (typed := member(owner.name, name)):
                found.append(frozenset((typed[1],)))
        if not found:
            raise PathError(f"{_listed(before)} has no element {name}")
        types = _united(found)
        return types if types is not None and all(map(_defined, types)) else None

    def order(self, before: Tree, after: Tree | None) -> None:
        if not self.strict or before["type"] != "InvocationExpression":
            return
        name = _function(before["children"][-1])[0]
        if name in _UNORDERED and (after is None or _function(after)[0] in _ORDERED):
            raise PathError(f"what {name}() gives has no order")


def _defined(name: str) -> bool:
    return name in primitives() or "." in name or known_type(name)


def _with_bases(name: str) -> list[str]:
    names = [name]
    while base := base_of(names[-1]):
        names.append(base)
    return names


def _listed(types: frozenset[str]) -> str:
    """A few of the types, for a message."""
    names = sorted(types)
    return " or ".join(names[:3]) + (" and others" if len(names) > 3 else "")
