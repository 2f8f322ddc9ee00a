"""What a query's fields select of resources. https://hl7.org/fhir/R4/graphql.html

Pure but for its `Lookup`, through which references and searches go. Items of a list are selected at
the same time, so that a lookup can answer many of them with one statement.
"""

from asyncio import gather
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from graphql import Undefined
from graphql.language import SelectionSetNode

from hie.fhir.definitions import RESOURCE_TYPES, Element, member, primitives
from hie.fhir.references import parse_reference
from hie.rest.graphql.document import DEEPEST, Document, Field, refused
from hie.rest.graphql.filters import matching
from hie.rest.graphql.result import Json, Selected, as_object, flattened

Value = TypeVar("Value")
KNOWN_TYPES = frozenset(RESOURCE_TYPES)
DIRECTIVES = frozenset({"skip", "include", "flatten", "first", "singleton", "slice"})


class Lookup(Protocol):
    """Where references and searches lead; both see what the caller may see."""

    async def read(self, type_name: str, logical_id: str) -> Json | None:
        """The resource, or None if there is none to see."""

    async def search(self, type_name: str, arguments: Sequence[tuple[str, Any]]) -> "Found":
        """One page of a search."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of matches. `next` continues the search when sent as `_cursor`."""

    resources: list[Json]
    modes: list[str]
    total: int | None
    page_size: int | None
    next: str | None


@dataclass(frozen=True, slots=True)
class Around:
    """Where a selection stands: the resource that holds the value, and its path."""

    resource: Json
    path: str
    depth: int

    def inner(self, name: str) -> "Around":
        if self.depth >= DEEPEST:
            raise refused("The query is nested too deeply", "查询嵌套过深", self.path)
        return Around(self.resource, f"{self.path}.{name}", self.depth + 1)

    def item(self, number: int) -> "Around":
        return Around(self.resource, f"{self.path}[{number}]", self.depth)


class Selection:
    """One request's way through the data."""

    def __init__(self, document: Document, lookup: Lookup) -> None:
        self._document = document
        self._lookup = lookup

    async def of_resource(self, resource: Json) -> Json:
        """What the operation selects of one resource. Problem 400 for a field that R4 does not have."""
        return await self._resource((self._document.selections,), resource, depth=0)

    async def of_system(self) -> Json:
        """What the operation selects of everything: `Patient(id: …)`, `PatientList(…)`, …"""
        around = Around({}, "Query", 0)
        fields = self._document.fields((self._document.selections,), "Query")
        chosen = await together(*(self._from_system(field, around) for field in fields))
        return as_object([one for part in chosen for one in part], "Query")

    async def _from_system(self, field: Field, around: Around) -> list[Selected]:
        if field.name in KNOWN_TYPES:
            logical_id = field.arguments.get("id", field.arguments.get("_id"))
            if not isinstance(logical_id, str) or len(field.arguments) != 1:
                raise refused(
                    f"{field.name} takes an id and nothing else; search with {field.name}List",
                    f"{field.name} 只接受 id；检索请使用 {field.name}List",
                    field.key,
                )
            possible = parse_reference(f"{field.name}/{logical_id}").id == logical_id
            resource = await self._lookup.read(field.name, logical_id) if possible else None
            if resource is None:
                raise refused(
                    f"There is no {field.name}/{logical_id}",
                    f"没有 {field.name}/{logical_id}",
                    field.key,
                )
            value = await self._resource(field.selections, resource, depth=around.depth + 1)
            return [Selected(field.key, value, listed=False)]
        found = await self._searched(field, around)
        if found is None:
            raise refused(
                f"'{field.name}' is not a resource type, nor one with List or Connection",
                f"“{field.name}”不是资源类型，也不是资源类型加 List 或 Connection",
                field.key,
            )
        return found

    async def _resource(
        self, sets: Sequence[SelectionSetNode], resource: Json, *, depth: int
    ) -> Json:
        name = resource["resourceType"]
        around = Around(resource, name, depth)
        return as_object(await self._selected(sets, resource, name, around), name)

    async def _selected(
        self, sets: Sequence[SelectionSetNode], value: Json, type_name: str, around: Around
    ) -> list[Selected]:
        if not sets:
            raise refused(
                f"Say which fields of {around.path} to select",
                f"请说明要选择 {around.path} 的哪些字段",
                around.path,
            )
        fields = self._document.fields(sets, type_name)
        chosen = await together(*(self._field(one, value, type_name, around) for one in fields))
        return [one for part in chosen for one in part]

    async def _field(
        self, field: Field, value: Json, type_name: str, around: Around
    ) -> list[Selected]:
        for name in field.directives:
            if name not in DIRECTIVES:
                raise refused(f"There is no directive @{name}", f"没有指令 @{name}", around.path)
        if field.name == "__typename":
            return [Selected(field.key, type_name, listed=False)]
        if type_name in KNOWN_TYPES:
            if field.name == "resourceType":
                return [Selected(field.key, type_name, listed=False)]
            found = await self._searched(field, around)
            if found is not None:
                return found
        if type_name == "Reference" and field.name == "resource":
            return await self._referenced(field, value, around)
        known = member(type_name, field.name.removeprefix("_"))
        if known is None or (field.name.startswith("_") and known[1] not in primitives()):
            raise refused(
                f"{around.path} has no field '{field.name}'",
                f"{around.path} 没有字段“{field.name}”",
                f"{around.path}.{field.name}",
            )
        return await self._element(field, value.get(field.name), known, around)

    async def _element(
        self, field: Field, value: Any, known: tuple[Element, str], around: Around
    ) -> list[Selected]:
        element, datatype = known
        inner = around.inner(element.name)
        items = list(enumerate(value)) if isinstance(value, list) else [(0, value)]
        if element.many and isinstance(value, list):
            items = matching(value, field.arguments, around.resource, inner.path)
        elif field.arguments and not element.many:
            raise refused(
                f"{inner.path} takes no arguments", f"{inner.path} 不接受参数", inner.path
            )
        first = "first" in field.directives
        items = [one for one in items if one[1] is not None][: 1 if first else None]
        listed = element.many and not first and "singleton" not in field.directives
        if datatype in primitives() and not field.name.startswith("_"):
            if field.selections:
                raise refused(f"{inner.path} has no fields", f"{inner.path} 没有子字段", inner.path)
            return [Selected(field.key, item, listed) for _, item in items]
        parts = await together(
            *(
                self._selected(
                    field.selections,
                    item,
                    _type_of(item, datatype),
                    inner.item(number) if element.many else inner,
                )
                for number, item in items
            )
        )
        if "flatten" in field.directives:
            return flattened(field, items, parts, element.many and not first)
        return [Selected(field.key, as_object(part, inner.path), listed) for part in parts]

    async def _referenced(self, field: Field, value: Json, around: Around) -> list[Selected]:
        inner = around.inner("resource")
        reference = parse_reference(value.get("reference", ""))
        wanted = field.arguments.get("type")
        target: Json | None = None
        if reference.kind == "contained":
            contained = around.resource.get("contained", ())
            target = next((one for one in contained if one.get("id") == reference.fragment), None)
        elif reference.type is not None and reference.id is not None:
            if wanted not in (None, reference.type):
                return []
            target = await self._lookup.read(reference.type, reference.id)
        if target is None:
            if field.arguments.get("optional") is True:
                return []
            raise refused(
                f"The reference '{reference.text}' leads nowhere; say resource(optional: true) to allow it",
                f"引用“{reference.text}”无法解析；可使用 resource(optional: true)",
                inner.path,
            )
        if wanted not in (None, target["resourceType"]):
            return []
        value = await self._resource(field.selections, target, depth=inner.depth)
        return [Selected(field.key, value, listed=False)] if value else []

    async def _searched(self, field: Field, around: Around) -> list[Selected] | None:
        """The answer to `PatientList` or `PatientConnection`; None if the field is neither."""
        for suffix in ("List", "Connection"):
            type_name = field.name.removesuffix(suffix)
            if type_name in KNOWN_TYPES and type_name != field.name:
                break
        else:
            return None
        inner = around.inner(field.name)
        arguments = _search_arguments(field, around)
        if suffix == "List":
            found = await self._lookup.search(type_name, arguments)
            values = await self._resources(field.selections, found, inner)
            return [Selected(field.key, value, listed=True) for value in values]
        fields = self._document.fields(field.selections, "Connection")
        if any(one.name == "count" for one in fields):
            arguments.append(("_total", "accurate"))
        found = await self._lookup.search(type_name, arguments)
        chosen = [part for one in fields for part in await self._connection(one, found, inner)]
        return [Selected(field.key, as_object(chosen, inner.path), listed=False)]

    async def _resources(
        self, sets: Sequence[SelectionSetNode], found: Found, around: Around
    ) -> list[Json]:
        return await together(
            *(self._resource(sets, one, depth=around.depth) for one in found.resources)
        )

    async def _connection(self, field: Field, found: Found, around: Around) -> list[Selected]:
        plain = {
            "count": found.total,
            "pagesize": found.page_size,
            "next": found.next,
            # Pages are found by where the last one ended, so only the next one has an address.
            **dict.fromkeys(("offset", "first", "previous", "last")),
        }
        if field.name in plain:
            value = plain[field.name]
            return [] if value is None else [Selected(field.key, value, listed=False)]
        if field.name != "edges":
            raise refused(
                f"{around.path} has no field '{field.name}'",
                f"{around.path} 没有字段“{field.name}”",
                f"{around.path}.{field.name}",
            )
        edges: list[Selected] = []
        for resource, mode in zip(found.resources, found.modes, strict=True):
            edge: Json = {}
            for one in self._document.fields(field.selections, "Edge"):
                if one.name == "mode":
                    edge[one.key] = mode
                elif one.name == "resource":
                    depth = around.depth + 1
                    edge[one.key] = await self._resource(one.selections, resource, depth=depth)
                elif one.name != "score":
                    raise refused(
                        f"An edge has no field '{one.name}'", f"edges 没有字段“{one.name}”"
                    )
            edges.append(Selected(field.key, edge, listed=True))
        return edges


async def together(*awaited: Awaitable[Value]) -> list[Value]:
    """The results of all; the first failure once all have ended, so that nothing goes on behind it."""
    results = await gather(*awaited, return_exceptions=True)
    for one in results:
        if isinstance(one, BaseException):
            raise one
    return [one for one in results if not isinstance(one, BaseException)]


def _type_of(value: Any, datatype: str) -> str:
    if datatype == "Resource":
        name: str = value["resourceType"]
        return name
    return "Element" if datatype in primitives() else datatype


def _search_arguments(field: Field, around: Around) -> list[tuple[str, Any]]:
    """Search parameters; GraphQL has no hyphens in names, so they are written as underscores."""
    pairs: list[tuple[str, Any]] = []
    for name, value in field.arguments.items():
        if name == "_reference":
            if not around.resource:
                raise refused(
                    "_reference works from a resource only",
                    "_reference 只能在资源内使用",
                    field.key,
                )
            own = f"{around.resource['resourceType']}/{around.resource['id']}"
            pairs.append((str(value).replace("_", "-"), own))
            continue
        parameter = name if name.startswith("_") else name.replace("_", "-")
        values = value if isinstance(value, list) else [value]
        pairs += [(parameter, one) for one in values if one is not None and one is not Undefined]
    return pairs
