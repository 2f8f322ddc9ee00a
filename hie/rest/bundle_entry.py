"""The entries of a posted Bundle, and of the Bundle that answers it. https://hl7.org/fhir/R4/bundle.html"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from starlette.requests import Request

from hie.errors import Issue, Problem, problem
from hie.fhir.outcome import operation_outcome
from hie.kit.clock import instant
from hie.records.bundle_request import (
    Asked,
    asked_by,
    decode_bundle,
    repeated_addresses,
    replayed,
)
from hie.records.entry import Outcome
from hie.rest.negotiate import Return, language
from hie.rest.respond import done

STATUS_TEXT = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}
MOST_ENTRIES = 20_000
ADDRESS = re.compile(rb'\{"fullUrl":("[^"]*"),')
ETAG = re.compile(rb'"etag":"((?:[^"\\]|\\.)*)"')


def read_bundle(text: bytes, base: str) -> tuple[str, list[Asked | Issue]]:
    """The Bundle's type (transaction, batch or history) and its entries; Problem 400 with every issue.

    In a transaction all must be understood. Elsewhere an entry that cannot be is its issue, and does
    not hinder the others; in a history several can be about versions of one resource.

    `base`: this server's own, which the addresses of entries may begin with.
    """
    parsed = decode_bundle(text)
    kind = parsed.type
    if kind not in ("transaction", "batch", "history"):
        raise problem(
            400,
            "invalid",
            f"A Bundle of type {kind!r} cannot be carried out; send a transaction, a batch or a history",
            f"无法执行类型为 {kind!r} 的 Bundle，请发送 transaction、batch 或 history",
            "Bundle.type",
        )
    if len(parsed.entry) > MOST_ENTRIES:
        raise problem(
            413,
            "too-long",
            f"The Bundle has {len(parsed.entry)} entries; send at most {MOST_ENTRIES} at once",
            f"Bundle 有 {len(parsed.entry)} 个条目，一次最多提交 {MOST_ENTRIES} 个",
            "Bundle.entry",
        )
    history = kind == "history"
    asked = [
        asked_by(replayed(entry) if history else entry, f"Bundle.entry[{number}]", base)
        for number, entry in enumerate(parsed.entry)
    ]
    issues = [] if history else repeated_addresses(parsed.entry)
    if kind == "transaction":
        issues += [one for one in asked if isinstance(one, Issue)]
    if issues:
        raise Problem(400, issues)
    return kind, asked


def answered(base: str, outcome: Outcome, wanted: Return, language: str) -> bytes:
    """The response entry of a change, with what the caller prefers to get back."""
    url = f"{base}/{outcome.type}/{outcome.id}"
    response: dict[str, Any] = {"status": STATUS_TEXT[outcome.status]}
    if outcome.version:
        response["etag"] = f'W/"{outcome.version}"'
        response["lastModified"] = instant(outcome.last_updated)
    if outcome.status != 204:
        response["location"] = f"{url}/_history/{outcome.version}"
    if wanted == "OperationOutcome":
        response["outcome"] = operation_outcome([done(outcome)], language)
    text = b'"response":' + orjson.dumps(response)
    if wanted == "representation" and outcome.body is not None:
        return b'{"fullUrl":%s,"resource":%s,%s}' % (orjson.dumps(url), outcome.body, text)
    return b"{%s}" % text


def with_distinct_addresses(entries: Iterable[bytes]) -> Iterator[bytes]:
    """The response entries, of which only the first has the address of one version of a resource.

    Rule bdl-7 of https://hl7.org/fhir/R4/bundle.html: an entry may change what another one reads.
    """
    seen: set[tuple[bytes, bytes]] = set()
    for entry in entries:
        address = ADDRESS.match(entry)
        if address is None:
            yield entry
            continue
        tag = ETAG.search(entry, entry.rindex(b'"response":'))
        version = (address[1], tag[1] if tag else b"")
        yield b"{" + entry[address.end() :] if version in seen else entry
        seen.add(version)


def refused(request: Request, found: Problem) -> bytes:
    """The response entry of a batch entry that could not be carried out."""
    outcome = operation_outcome(found.issues, language(request))
    return orjson.dumps({"response": {"status": str(found.status), "outcome": outcome}})
