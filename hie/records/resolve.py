"""References between the entries of a batch, and conditional ones. https://hl7.org/fhir/R4/http.html#trules"""

import re
from collections.abc import Container, Mapping, Sequence
from urllib.parse import parse_qsl

import orjson

from hie.errors import problem
from hie.fhir.links import links
from hie.kit.json import replace_references, replace_strings
from hie.records.entry import Prepared
from hie.records.match import Criteria, Matches

ROOTED = re.compile(r"(https?://.+)/([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})")
"""A RESTful full URL: its root, and what is relative to that."""

URN = re.compile(rb'"(urn:(?:uuid|oid):[^"\\]*+)"(?!\s*+:)')
STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"')
VERSIONED = re.compile(rb'"reference"\s*:\s*"(([^"\\]+)/_history/[^"\\/]+)"')
DANGLING = re.compile(rb'"reference"\s*:\s*"(urn:uuid:[^"\\]*)"')


def _absolute(fhir_base: str) -> re.Pattern[bytes]:
    return re.compile(
        rb'"reference"\s*:\s*"(' + re.escape(f"{fhir_base}/").encode() + rb'([^"\\]+))"'
    )


def _searching(fhir_base: str) -> re.Pattern[bytes]:
    """References that are searches, also by an address of this server."""
    base = re.escape(f"{fhir_base}/").encode()
    return re.compile(rb'"reference"\s*:\s*("(?:' + base + rb')?[A-Z][A-Za-z]+\?(?:[^"\\]|\\.)*")')


async def _conditional(matches: Matches, prepared: Sequence[Prepared]) -> dict[str, str]:
    asked = _conditional_references(prepared, matches.fhir_base)
    if not asked:
        return {}
    await matches.look_up([criteria for criteria, _ in asked.values()])
    identified = _identified(prepared)
    found: dict[str, str] = {}
    for reference, ((type_name, query), expression) in asked.items():
        match = await matches.id(type_name, query, expression)
        meant = _among(identified, type_name, query) | ({match} if match else set())
        if len(meant) != 1:
            raise problem(
                412,
                "multiple-matches" if meant else "not-found",
                f"The conditional reference '{reference[:200]}' matches {len(meant)} resources",
                f"条件引用“{reference[:200]}”匹配到 {len(meant)} 个资源",
                expression,
            )
        found[reference] = f"{type_name}/{meant.pop()}"
    return found


def _conditional_references(
    prepared: Sequence[Prepared], fhir_base: str
) -> dict[str, tuple[Criteria, str | None]]:
    """By reference, its criteria and the place of the first entry that has it."""
    searching = _searching(fhir_base)
    found: dict[str, tuple[Criteria, str | None]] = {}
    for item in prepared:
        if b"?" in item.raw:
            for token in searching.findall(item.raw):
                reference: str = orjson.loads(token)
                type_name, _, query = reference.removeprefix(f"{fhir_base}/").partition("?")
                found.setdefault(reference, ((type_name, query), item.entry.expression))
    return found


def _identified(prepared: Sequence[Prepared]) -> dict[tuple[str, str, str], set[str]]:
    """The ids of the resources that the entries store, by type and each of their identifiers."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for item in prepared:
        given = item.resource.get("identifier", [])
        for identifier in given if isinstance(given, list) else [given]:
            key = (item.entry.type, identifier.get("system", ""), identifier.get("value", ""))
            found.setdefault(key, set()).add(item.id)
    return found


def _among(
    identified: dict[tuple[str, str, str], set[str]], type_name: str, query: str
) -> set[str]:
    """Which resources of the same transaction an identifier means.

    Conditional references are resolved after everything else, so they find what the transaction
    creates; and only a criterion that matches exactly is certain to find one and no other.
    """
    match parse_qsl(query):
        case [("identifier", value)] if "|" in value:
            system, _, plain = value.partition("|")
            return set(identified.get((type_name, system, plain), ()))
    return set()


def _own_addresses(prepared: Sequence[Prepared], fhir_base: str) -> dict[str, str]:
    base = f"{fhir_base}/".encode()
    pattern = _absolute(fhir_base)
    return {
        whole.decode(): path.decode()
        for item in prepared
        if base in item.raw
        for whole, path in pattern.findall(item.raw)
    }


def _between_entries(prepared: Sequence[Prepared], known: dict[str, str]) -> dict[str, str]:
    """What each full URL stands for."""
    targets = dict(known)
    for item in prepared:
        if item.entry.full_url and item.entry.method != "DELETE":
            targets[item.entry.full_url] = f"{item.entry.type}/{item.id}"
    return targets


def _relative(targets: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By the root of RESTful full URLs, what references relative to it stand for.

    https://hl7.org/fhir/R4/bundle.html#references
    """
    roots: dict[str, dict[str, str]] = {}
    for full_url, target in targets.items():
        rooted = ROOTED.fullmatch(full_url)
        if rooted is not None:
            roots.setdefault(rooted[1], {})[rooted[2]] = target
    return roots


def _root(item: Prepared, roots: Mapping[str, dict[str, str]]) -> str | None:
    """Where the item's relative references begin: its own root, or else the only one that there is."""
    rooted = ROOTED.fullmatch(item.entry.full_url or "")
    if rooted is not None:
        return rooted[1]
    return next(iter(roots)) if len(roots) == 1 and not item.entry.full_url else None


def _versions(raw: bytes, meant: Mapping[str, str], created: Container[str]) -> dict[str, str]:
    """What references to versions stand for, of the entries that are created: to their first one.

    "Version-specific references should remain as version-specific references", and
    "will all be re-assigned anyway". Versions of what is only updated may be those that are there.
    """
    found: dict[str, str] = {}
    for whole, address in VERSIONED.findall(raw):
        target = meant.get(address.decode())
        if target in created:
            found[whole.decode()] = f"{target}/_history/1"
    return found


def _replace_links(text: bytes, meant: Mapping[str, str], pattern: re.Pattern[bytes]) -> bytes:
    """The text with elements of type uri, url, oid and uuid replaced; `pattern` finds what may be one."""
    escaped = b"\\u" in text or b"\\/" in text
    if not escaped and not any(one.decode() in meant for one in pattern.findall(text)):
        return text  # nearly every resource
    return replace_strings(text, meant, links(orjson.loads(text), meant))


async def resolve_references(
    matches: Matches, prepared: Sequence[Prepared], known: dict[str, str]
) -> None:
    """Replace references in the texts of `prepared` and parse the changed texts again.

    `known` maps the full URLs of entries that turned out to exist already. Problem 412 for a
    conditional reference that matches nothing or several.
    """
    targets = _between_entries(prepared, known)
    roots = _relative(targets)
    created = {f"{i.entry.type}/{i.id}" for i in prepared if i.entry.method == "POST"}
    mapping = {
        **_own_addresses(prepared, matches.fhir_base),
        **targets,
        **await _conditional(matches, prepared),
    }
    for item in prepared:
        relative = roots.get(_root(item, roots) or "") if roots else None
        meant = {**relative, **mapping} if relative else mapping
        if b"/_history/" in item.raw:
            meant = {**meant, **_versions(item.raw, meant, created)}
        text = replace_references(item.raw, meant) if meant else item.raw
        text = _replace_links(text, meant, STRING if roots else URN) if meant else text
        if text != item.raw:
            item.change_text(text)
        dangling = DANGLING.search(text) if item.entry.expression else None
        if dangling:
            urn = dangling[1].decode()
            raise problem(
                422,
                "not-found",
                f"The reference '{urn}' names no entry of this Bundle by its fullUrl",
                f"引用“{urn}”不是本 Bundle 中任何条目的 fullUrl",
                f"{item.entry.expression}.resource{_path(item.resource, urn)}",
            )


def _path(value: object, reference: str) -> str:
    """The path at which the reference stands, such as `.subject.reference`; empty if it is nowhere."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "reference" and member == reference:
                return ".reference"
            if isinstance(member, dict | list) and (inner := _path(member, reference)):
                return f".{key}{inner}"
    if isinstance(value, list):
        for number, each in enumerate(value):
            if inner := _path(each, reference):
                return f"[{number}]{inner}"
    return ""
