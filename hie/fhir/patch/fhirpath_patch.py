"""FHIRPath Patch. https://hl7.org/fhir/R4/fhirpatch.html"""

from typing import Any, NamedTuple

from hie.errors import Problem, problem
from hie.fhir.fhirpath import Node, PathError, elements
from hie.fhir.json_text import read_json
from hie.fhir.patch.place import Holder, Object, Place, element_of, find, inside, lists
from hie.kit import exact

MOST_OPERATIONS = 1000
# Finding a place costs up to a sixth of a millisecond a character.
LONGEST_PATHS = 10_000


class _Value(NamedTuple):
    """The value of an operation: its datatype's name with a capital (None: an inline element)."""

    type: str | None
    value: Any
    beside: Any


class _Operation:
    """One `operation` of the Parameters, with the place of its parts for messages."""

    def __init__(self, number: int, parameter: Any) -> None:
        self.place = f"Parameters.parameter[{number}]"
        if not isinstance(parameter, dict) or parameter.get("name") != "operation":
            raise self.bad("is not an operation", "不是 operation")
        parts = parameter.get("part")
        if not isinstance(parts, list) or not all(isinstance(p, dict) for p in parts):
            raise self.bad("has no parts", "缺少 part")
        self.parts: dict[str, Object] = {str(p.get("name")): p for p in parts}
        self.type = self.text("type")
        self.path = self.text("path")

    def bad(self, en: str, zh: str) -> Problem:
        return problem(400, "structure", f"{self.place} {en}", f"{self.place} {zh}", self.place)

    def unfit(self, en: str, zh: str) -> Problem:
        return problem(
            422,
            "processing",
            f"'{self.type}' at '{self.path[:200]}': {en}",
            f"在“{self.path[:200]}”执行“{self.type}”：{zh}",
            self.place,
        )

    def text(self, name: str) -> str:
        part = self.parts.get(name, {})
        for key in ("valueString", "valueCode"):
            if isinstance(part.get(key), str):
                return str(part[key])
        raise self.bad(f"has no {name}", f"缺少 {name}")

    def number(self, name: str) -> int:
        found = self.parts.get(name, {}).get("valueInteger")
        if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
            return found
        raise self.bad(f"has no {name} from 0", f"缺少从 0 开始的 {name}")

    def value(self, type_name: str) -> _Value:
        """The value for an element of the type, which an inline element's parts need."""
        if "value" not in self.parts:
            raise self.bad("has no value", "缺少 value")
        return self._value(self.parts["value"], type_name)

    def _value(self, part: Object, type_name: str) -> _Value:
        keys = {key.removeprefix("_") for key in part if key.lstrip("_").startswith("value")}
        if len(keys) == 1:
            key = keys.pop()
            return _Value(key.removeprefix("value"), part.get(key), part.get(f"_{key}"))
        if keys or not isinstance(part.get("part"), list):
            raise self.bad("has no single value", "须有且只有一个值")
        made: Object = {}
        for each in part["part"]:
            name = str(each.get("name"))
            element = element_of(type_name, name)
            if element is None:
                raise self.bad(f"sets {name}, which {type_name} lacks", f"{type_name} 没有 {name}")
            _add(Holder(made, type_name), name, self._value(each, element.types[0]), self)
        return _Value(None, made, None)


def apply_fhirpath_patch(resource: Object, patch: bytes) -> Object:
    """The resource after all operations; Problem 400 for a bad patch, 422 if it does not fit."""
    sent = read_json(patch, loads=exact.loads)
    if not isinstance(sent, dict) or sent.get("resourceType") != "Parameters":
        raise _unreadable("not a Parameters resource; a JSON Patch is application/json-patch+json")
    parameters = sent.get("parameter", [])
    if not isinstance(parameters, list) or len(parameters) > MOST_OPERATIONS:
        raise _unreadable(f"not a list of at most {MOST_OPERATIONS} operations")
    carry_out = {
        "add": _do_add,
        "insert": _do_insert,
        "delete": _do_delete,
        "replace": _do_replace,
        "move": _do_move,
    }
    operations = [_Operation(number, parameter) for number, parameter in enumerate(parameters)]
    if sum(len(operation.path) for operation in operations) > LONGEST_PATHS:
        raise problem(
            422,
            "too-costly",
            f"The paths have more than {LONGEST_PATHS} characters together; send an update instead",
            f"路径总长超过 {LONGEST_PATHS} 个字符，请改用更新操作",
        )
    for operation in operations:
        act = carry_out.get(operation.type)
        if act is None:
            raise operation.bad(
                f"is of type {operation.type[:40]}; possible are {', '.join(carry_out)}",
                f"类型为 {operation.type[:40]}；可用：{'、'.join(carry_out)}",
            )
        try:
            act(resource, operation)
        except LookupError as error:
            raise operation.unfit(str(error), str(error)) from error
    return resource


def _unreadable(reason: str) -> Problem:
    return problem(
        400,
        "structure",
        f"Not a FHIRPath Patch: {reason[:300]}",
        f"不是合法的 FHIRPath Patch：{reason[:300]}",
    )


def _nodes(resource: Object, operation: _Operation, path: str) -> list[Node]:
    try:
        return elements(resource, path)
    except PathError as error:
        raise operation.unfit(str(error)[:300], str(error)[:300]) from error


def _single(resource: Object, operation: _Operation, path: str) -> Place | Holder:
    nodes = _nodes(resource, operation, path)
    if len(nodes) != 1:
        raise operation.unfit(
            f"the path finds {len(nodes)} elements, it must find one",
            f"路径找到 {len(nodes)} 个元素，必须恰好一个",
        )
    return find(resource, nodes[0].place)


def _collection(resource: Object, operation: _Operation) -> Place:
    """The repeating element that the path names, as a whole."""
    parent, _, name = operation.path.rpartition(".")
    place = _single(resource, operation, parent) if name.isidentifier() and parent else None
    if place is None:
        raise operation.unfit("the path must end with an element's name", "路径须以元素名结尾")
    holder = place if isinstance(place, Holder) else inside(place)
    element = element_of(holder.type, name)
    if element is None or not element.many:
        raise operation.unfit("this element does not repeat", "该元素不可重复")
    return Place(holder.value, name, None, element, element.types[0])


def _do_add(resource: Object, operation: _Operation) -> None:
    place = _single(resource, operation, operation.path)
    holder = place if isinstance(place, Holder) else inside(place)
    name = operation.text("name")
    element = element_of(holder.type, name)
    if element is None:
        raise operation.unfit(
            f"{holder.type} has no element {name}", f"{holder.type} 没有元素 {name}"
        )
    _add(holder, name, operation.value(element.types[0]), operation)


def _add(holder: Holder, name: str, value: _Value, operation: _Operation) -> None:
    element = element_of(holder.type, name)
    if element is None:
        raise operation.unfit(
            f"{holder.type} has no element {name}", f"{holder.type} 没有元素 {name}"
        )
    if element.many:
        _put(Place(holder.value, name, None, element, element.types[0]), value, None)
        return
    key = element.name + (value.type or "") if element.choice else name
    taken = [k for k in holder.value if element_of(holder.type, k.removeprefix("_")) == element]
    if taken:
        raise operation.unfit(
            f"{name} is there already; replace it", f"{name} 已存在，请用 replace"
        )
    _set(holder.value, key, value)


def _set(parent: Object, key: str, value: _Value) -> None:
    for name, content in ((key, value.value), (f"_{key}", value.beside)):
        if content is not None:
            parent[name] = content
        else:
            parent.pop(name, None)


def _put(place: Place, value: _Value, index: int | None) -> None:
    """Put one more item into a repeating element, at the end if `index` is None."""
    values = place.parent.setdefault(place.key, [])
    if value.beside is not None:
        place.parent.setdefault(f"_{place.key}", [])
    where = len(values) if index is None else index
    both = lists(place.parent, place.key)
    both[0].insert(where, value.value)
    if len(both) > 1:
        both[1].insert(where, value.beside)


def _do_insert(resource: Object, operation: _Operation) -> None:
    place = _collection(resource, operation)
    index = operation.number("index")
    if index > len(place.parent.get(place.key, [])):
        raise operation.unfit(f"there is no place {index}", f"没有第 {index} 个位置")
    _put(place, operation.value(place.type), index)


def _do_move(resource: Object, operation: _Operation) -> None:
    place = _collection(resource, operation)
    source, destination = operation.number("source"), operation.number("destination")
    for items in lists(place.parent, place.key):
        if max(source, destination) >= len(items):
            raise operation.unfit(f"there are only {len(items)} items", f"只有 {len(items)} 项")
        items.insert(destination, items.pop(source))


def _do_replace(resource: Object, operation: _Operation) -> None:
    place = _single(resource, operation, operation.path)
    if isinstance(place, Holder):
        raise operation.unfit("a whole resource is replaced by an update", "整个资源请用更新替换")
    value = operation.value(place.type)
    if place.index is not None:
        both = lists(place.parent, place.key)
        if value.beside is not None and len(both) == 1:
            both.append(place.parent.setdefault(f"_{place.key}", [None] * len(both[0])))
        both[0][place.index] = value.value
        if len(both) > 1:
            both[1][place.index] = value.beside
        return
    key = place.key
    if place.element.choice and value.type:
        key = place.element.name + value.type
    if key != place.key:
        _set(place.parent, place.key, _Value(None, None, None))
    _set(place.parent, key, value)


def _do_delete(resource: Object, operation: _Operation) -> None:
    nodes = _nodes(resource, operation, operation.path)
    if not nodes:
        return  # "if found", says the specification
    place = _single(resource, operation, operation.path)
    if isinstance(place, Holder):
        raise operation.unfit("a whole resource is deleted by DELETE", "整个资源请用 DELETE 删除")
    if place.index is None:
        _set(place.parent, place.key, _Value(None, None, None))
    else:
        for items in lists(place.parent, place.key):
            items.pop(place.index)
    _prune(resource)


def _prune(value: Any) -> bool:
    """Take out what a deletion has left empty, which FHIR's JSON does not allow; whether all is."""
    if isinstance(value, dict):
        for key in [key for key, child in value.items() if _prune(child)]:
            del value[key]
        return not value
    if isinstance(value, list):
        empty = [_prune(item) or item is None for item in value]
        return all(empty)
    return False
