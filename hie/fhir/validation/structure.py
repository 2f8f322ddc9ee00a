"""Checks of whole types, compiled once from their definitions. https://hl7.org/fhir/R4/json.html

Each type becomes one closure over a table from JSON member name to the check of that member. The
compiler only reads `Type` facts, so a profile can be compiled the same way.
"""

import difflib
from typing import Any, NamedTuple

from hie.fhir.definitions import RESOURCE_TYPES, Element, Type, primitives, type_definition
from hie.fhir.validation.bindings import code_check, concept_check
from hie.fhir.validation.finding import (
    Check,
    Finding,
    Findings,
    Surroundings,
    at,
    one,
    shown,
    wrong_shape,
)
from hie.fhir.validation.members import extras_check, items_check, values_check
from hie.fhir.validation.primitives import primitive_check
from hie.fhir.validation.references import reference_check

ALONE = Surroundings({})
_RESOURCES = frozenset(RESOURCE_TYPES)


class _Member(NamedTuple):
    """What a JSON member stands for. `choice`: for which choice element, as which of its types."""

    name: str
    check: Check
    choice: tuple[str, str] | None


_Table = dict[str, _Member]
_compiled: dict[str, Check] = {}


def type_check(name: str) -> Check:
    """The check of a resource type, complex datatype or inline element; KeyError if unknown."""
    found = _compiled.get(name)
    if found is None:
        table: _Table = {}
        definition = type_definition(name)
        # known before its members are, because types contain each other
        found = _compiled[name] = _object_check(definition, table)
        _fill(table, definition)
    return found


def resource_check(value: Any, owner: dict[str, Any], _around: Surroundings = ALONE) -> Findings:
    """The check of a resource that stands on its own, by its `resourceType`."""
    if type(value) is not dict:
        return wrong_shape(value, "an object", "对象")
    contained = value.get("contained")
    around = Surroundings(_types_by_id(contained)) if contained else ALONE
    return _check_as_stated(value, owner, around)


def _contained_check(value: Any, owner: dict[str, Any], around: Surroundings) -> Findings:
    """A contained resource. https://hl7.org/fhir/R4/references.html#contained"""
    if type(value) is not dict:
        return wrong_shape(value, "an object", "对象")
    if around.inside:
        return one(
            "invariant",
            "a contained resource must not contain others (dom-2)",
            "被包含的资源不能再包含其他资源（dom-2）",
        )
    findings = _check_as_stated(value, owner, Surroundings(around.contained, inside=True))
    meta = value.get("meta")
    if type(meta) is dict and ("versionId" in meta or "lastUpdated" in meta):
        findings = (findings or []) + one(
            "invariant",
            "a contained resource has no versionId and no lastUpdated (dom-4)",
            "被包含的资源没有 versionId 和 lastUpdated（dom-4）",
            "meta",
        )
    return findings


def _types_by_id(contained: Any) -> dict[str, str]:
    found = {}
    for each in contained if type(contained) is list else ():
        if type(each) is dict and type(each.get("id")) is str:
            found[each["id"]] = str(each.get("resourceType"))
    return found


def _check_as_stated(
    value: dict[str, Any], owner: dict[str, Any], around: Surroundings
) -> Findings:
    name = value.get("resourceType")
    if type(name) is str and name in _RESOURCES:
        return type_check(name)(value, owner, around)
    if name is None:
        return one("structure", "resourceType is missing", "缺少 resourceType", "resourceType")
    return one(
        "structure",
        f"{shown(name)} is not a resource type of FHIR R4",
        f"{shown(name)} 不是 FHIR R4 的资源类型",
        "resourceType",
    )


def _fill(table: _Table, definition: Type) -> None:
    for element in definition.elements.values():
        for type_name in element.types:
            key = element.name
            if element.choice:
                key += type_name[0].upper() + type_name[1:]
            single = _element_check(element, type_name)
            simple = type_name in primitives()
            if element.many:
                single = values_check(single, key) if simple else items_check(single)
            choice = (element.name, key) if element.choice else None
            table[key] = _Member(element.name, single, choice)
            if simple and type_name != "xhtml":
                extra = type_check("Element")
                if element.many:
                    extra = extras_check(extra, key)
                table["_" + key] = _Member(element.name, extra, choice)
    if definition.kind == "resource":
        table["resourceType"] = _Member("resourceType", _no_check, None)


def _no_check(_value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
    """`resourceType` chose this very check, so it is right."""


def _element_check(element: Element, type_name: str) -> Check:
    if type_name == "Resource":
        return _contained_check if element.name == "contained" else resource_check
    if type_name in primitives():
        return code_check(element.codes) if element.codes else primitive_check(type_name)
    if type_name == "Reference":
        return reference_check(element.targets, type_check(type_name))
    if type_name == "CodeableConcept" and element.codes:
        return concept_check(element.codes, type_check(type_name))
    return type_check(type_name)


def _object_check(definition: Type, table: _Table) -> Check:
    required = tuple(
        each.name for each in definition.elements.values() if each.minimum and not each.choice
    )
    variants = {
        each.name: {each.name + type_name[0].upper() + type_name[1:] for type_name in each.types}
        for each in definition.elements.values()
        if each.choice
    }
    required_choices = tuple(name for name in variants if definition.elements[name].minimum)
    extension = definition.name == "Extension"
    find = table.get

    def check(value: Any, _owner: dict[str, Any], around: Surroundings) -> Findings:
        if type(value) is not dict:
            return wrong_shape(value, "an object", "对象")
        if not value:
            return one("structure", "an object must not be empty", "对象不能为空")
        found: list[Finding] | None = None
        choices: list[tuple[str, str]] | None = None
        for key, item in value.items():
            member = find(key)
            if member is None:
                found = (found or []) + _unknown(key, definition, variants)
                continue
            name, check_item, choice = member
            findings = check_item(item, value, around)
            if findings:
                found = (found or []) + at(name, findings)
            if choice is not None:
                choices = [*choices, choice] if choices else [choice]
        for name in required:
            if name not in value and "_" + name not in value:
                found = (found or []) + _missing(name)
        if variants:
            found = _choices(value, choices or [], found)
        return found

    def _choices(
        value: dict[str, Any], choices: list[tuple[str, str]], found: Findings
    ) -> Findings:
        chosen: dict[str, str] = {}
        for name, variant in choices:
            if chosen.setdefault(name, variant) != variant:
                found = (found or []) + _second(name, chosen[name], variant)
        for name in required_choices:
            if name not in chosen:
                found = (found or []) + _missing(name)
        if extension and ("value" in chosen) == ("extension" in value):
            found = (found or []) + one(
                "invariant",
                "an extension has either a value or extensions (ext-1)",
                "扩展必须且只能有值或子扩展之一（ext-1）",
            )
        return found

    return check


def _missing(name: str) -> list[Finding]:
    return one("required", f"{name} is required", f"缺少必需的元素 {name}", name)


def _second(name: str, first: str, second: str) -> list[Finding]:
    return one(
        "structure",
        f"only one {name}[x] is allowed, but there are {first} and {second}",
        f"{name}[x] 只能有一个，但同时有 {first} 和 {second}",
        name,
    )


def _unknown(key: str, definition: Type, variants: dict[str, set[str]]) -> list[Finding]:
    plain = key.removeprefix("_")
    for name, keys in variants.items():
        if plain.startswith(name) and plain not in keys:
            allowed = ", ".join(sorted(keys)[:12]) + (", …" if len(keys) > 12 else "")
            return one(
                "structure",
                f"{shown(key)} is no type of {name}[x]; allowed: {allowed}",
                f"{shown(key)} 不是 {name}[x] 的类型；允许：{allowed}",
                key or '""',
            )
    near = difflib.get_close_matches(plain, list(definition.elements), n=1)
    hint_en = f"; did you mean {near[0]}?" if near else ""
    hint_zh = f"；是否指 {near[0]}？" if near else ""
    return one(
        "structure",
        f"{shown(key)} is not an element of {definition.name}{hint_en}",
        f"{shown(key)} 不是 {definition.name} 的元素{hint_zh}",
        key or '""',
    )
