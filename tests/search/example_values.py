"""What the official search parameters read from a resource, and how it is asked for.

Nothing here is shared with the index: expressions are those of the official package, evaluated by a
FHIRPath library. https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

Parameter = dict[str, Any]
Resource = dict[str, Any]

PACKAGE = "hl7.fhir.r4.core-4.0.1.tgz"
NO_DOMAIN_RESOURCE = frozenset(("Bundle", "Binary", "Parameters"))
# The library knows no `resolve()`, wants one element before `as`, and the datatypes' own names.
RESOLVED = re.compile(r"\.where\(resolve\(\) is (\w+)\)")
CAST = re.compile(r"\(([\w.]+) as (\w+)\)")
NAMES = {"DateTime": "dateTime", "Date": "date", "Uri": "uri"}


@cache
def published(folder: Path) -> tuple[Parameter, ...]:
    """The search parameters of the official package that have an expression."""
    with tarfile.open(folder / PACKAGE) as package:
        files = [m for m in package if "/SearchParameter-" in m.name]
        read = [json.load(file) for m in files if (file := package.extractfile(m))]
    return tuple(p for p in read if p.get("base") and p.get("expression"))


def asked(parameters: tuple[Parameter, ...], resource: Resource) -> Iterator[tuple[str, str]]:
    """(code, value) of searches of the resource's type that must find it."""
    name = resource["resourceType"]
    for parameter in parameters:
        form = FORMS.get(parameter["type"])
        bases = set(parameter["base"])
        general = {"Resource"} if name in NO_DOMAIN_RESOURCE else {"Resource", "DomainResource"}
        if form is None or not bases & {name, *general}:
            continue
        for branch in _branches(parameter["expression"]):
            head = re.match(r"\(*([A-Z]\w+)\b", branch)
            if head and head[1] in (name, *general):
                for value in _elements(resource, branch):
                    yield from ((parameter["code"], text) for text in form(value))


def _branches(expression: str) -> list[str]:
    depth, found = 0, [""]
    for letter in expression:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [branch.strip() for branch in found]


@cache
def _compiled(expression: str) -> Callable[[Resource], list[Any]]:
    plain = RESOLVED.sub("", expression)
    plain = CAST.sub(lambda m: f"{m[1]}.ofType({NAMES.get(m[2], m[2])})", plain)
    evaluate: Callable[[Resource], list[Any]] = fhirpathpy.compile(plain, models["r4"])
    return evaluate


def _elements(resource: Resource, branch: str) -> list[Any]:
    if "hasExtension" in branch:  # a function that FHIRPath does not have
        return []
    head = re.sub(r"^(\(*)(Resource|DomainResource)\.", rf"\1{resource['resourceType']}.", branch)
    found = _compiled(head)(resource)
    resolved = RESOLVED.search(branch)
    if resolved is None:
        return found
    return [e for e in found if re.search(rf"(^|/){resolved[1]}/", e.get("reference", ""))]


def _escaped(text: str) -> str:
    return re.sub(r"([\\$,|])", r"\\\1", text)


def _token(value: Any) -> Iterator[str]:
    match value:
        case bool():
            yield str(value).lower()
        case str():
            yield _escaped(value)
        case {"coding": codings}:
            for coding in codings:
                yield from _token({"code": None, **coding})
        case {"code": code, **rest}:
            yield from _coded(rest.get("system"), code)
        case {"value": str(text), **rest} if "use" in rest or "rank" in rest or not rest:
            yield _escaped(text)
        case {"value": str(text), "system": "phone" | "email" | "fax" | "url" | "sms" | "pager"}:
            yield _escaped(text)
        case {"value": str(text), **rest}:
            yield from _coded(rest.get("system"), text)


def _coded(system: str | None, code: str | None) -> Iterator[str]:
    if code:
        yield _escaped(code)
        yield f"{_escaped(system or '')}|{_escaped(code)}"
    if system:
        yield f"{_escaped(system)}|"


def _reference(value: Any) -> Iterator[str]:
    match value:
        case str() if not value.startswith("#") and (":" in value or "/" in value):
            yield _escaped(value)
        case {"reference": str(literal)} if not literal.startswith("#"):
            local = re.fullmatch(r"([A-Z]\w+)/([A-Za-z0-9.-]+)(/_history/.*)?", literal)
            yield from [f"{local[1]}/{local[2]}", local[2]] if local else [_escaped(literal)]


def _date(value: Any) -> Iterator[str]:
    match value:
        case str() if re.match(r"\d{4}", value):
            yield value
        case {"event": list(events)}:
            for event in events:
                yield f"ge{event}"
                yield f"le{event}"
        case {"repeat": {"boundsPeriod": bounds}}:
            yield from _date(bounds)
        case {"start": _} | {"end": _}:
            for prefix, end in (("ge", "start"), ("le", "end")):
                if end in value:
                    yield prefix + value[end]


def _string(value: Any) -> Iterator[str]:
    texts = ("text", "family", "given", "prefix", "suffix", "line", "city", "state", "country")
    match value:
        case str() if value.strip():
            yield _escaped(value[:60])
        case dict():
            for name in (*texts, "postalCode", "district"):
                member = value.get(name, ())
                for text in [member] if isinstance(member, str) else member:
                    yield from _string(text)


def _quantity(value: Any) -> Iterator[str]:
    match value:
        case {"value": number, "currency": currency}:
            yield from (f"{number}", f"{number}||{currency}")
        case {"value": number, **rest} if "comparator" not in rest:
            yield f"{number}"
            if "code" in rest:
                yield f"{number}|{_escaped(rest.get('system', ''))}|{_escaped(rest['code'])}"
            if "unit" in rest:
                yield f"{number}||{_escaped(rest['unit'])}"
        case {"low": {"value": low}, "high": {"value": high}}:
            yield from (f"ge{low}", f"le{high}")


def _number(value: Any) -> Iterator[str]:
    match value:
        case {"low": {"value": low}}:
            yield f"ge{low}"
        case dict():
            return
        case _:
            yield str(value)


def _uri(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield _escaped(value)


FORMS: dict[str, Callable[[Any], Iterator[str]]] = {
    "token": _token,
    "reference": _reference,
    "date": _date,
    "string": _string,
    "quantity": _quantity,
    "number": _number,
    "uri": _uri,
}
