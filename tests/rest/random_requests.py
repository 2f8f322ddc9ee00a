"""Random requests over the whole REST surface, drawn from what the server says of itself.

Types and search parameters come from its CapabilityStatement, operations from its table of them. Each request is drawn from its
seed and number alone: whatever the server answered to those before, the same is drawn again, but for
ids and cursors that answers have named.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import random_graphql
from random_bundles import Bundles
from random_bytes import damaged
from random_definitions import search_parameter, subscription
from random_headers import headers
from random_operations import ROLES, Known, arguments, in_address
from random_patches import FHIR_JSON, patch
from random_resources import Resources, changed, text_of
from random_searches import CONTROLLED, JUNK, LONGEST, Searches

from hie.fhir.xml import to_xml
from hie.rest.operations.table import OPERATIONS, OWN

Json = Any
FORM = "application/x-www-form-urlencoded"
FHIR_XML = "application/fhir+xml"
TYPES = (
    *(
        *("Patient",) * 5,
        *("Observation",) * 4,
        "Encounter",
        "Condition",
        "Bundle",
        "Binary",
        "Consent",
    ),
    *("Provenance", "AuditEvent", "Questionnaire", "MedicationRequest", "Group", "Organization"),
    *("SearchParameter", "Subscription", "Basic", "DiagnosticReport", "Practitioner", "Location"),
)
ODD = (
    "%2F",
    "%00",
    "//",
    "/..",
    "/.",
    "%",
    "%zz",
    "%C3",
    "%ff",
    ";a=b",
    "%3F",
    "%23",
    "+",
    "é",
    "%E5%BC%A0",
    "/$",
    "_",
)
CONTENT_TYPES = ("application/pdf", "text/plain", "image/png", "x", 'a/b; c="é"', "text/张")
VERSIONS = ("1", "1", "1", "2", "0", "-1", "x", "9" * 30, "²", "1_0", "01")
STATE_OF = "http://127.0.0.1:8080/fhir/Patient/p1"
STATE = {
    "resourceType": "Basic",
    "code": {"coding": [{"system": "https://app.example.org", "code": "preferences"}]},
    "extension": [{"url": "https://app.example.org/v1", "valueString": "dark"}],
    "subject": {"reference": STATE_OF},
}


def _sendable(text: bytes) -> bytes:
    """What of an address a server hands over: it refuses what is not UTF-8, and some characters."""
    kept = bytes(c for c in text if c > 32 and c not in b'"<>#\x7f')
    return kept.decode(errors="ignore").encode()


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request, as bytes where its sender is free to send any; `route` names the form of its address."""

    caller: str
    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    route: str
    breaks_off: bool = False
    """Whether its sender goes away before all of the body is sent."""


class Requests:
    """A source of requests from `callers`, about what is `stored`."""

    def __init__(
        self, seed: int, capabilities: Json, stored: Sequence[Json], callers: Sequence[str]
    ) -> None:
        self._seed = seed
        [rest] = capabilities["rest"]
        types = {one["type"]: one for one in rest["resource"]}
        self._types = tuple(types)
        self._callers = callers
        self.known = Known()
        self._resources = Resources(stored)
        self._ids = {
            name: [one["id"] for one in some] for name, some in self._resources.by_type.items()
        }
        parameters = {
            name: [(each["name"], each["type"]) for each in one.get("searchParam", ())]
            for name, one in types.items()
        }
        for name in ("Patient", "Observation", "Encounter"):
            parameters[name].append(("ward", "token"))
        self._searches = Searches(parameters, self._resources.by_type)
        self._bundles = Bundles(self._resources, self._searches, self.known)
        self._kinds: Sequence[tuple[int, Callable[[Random], Drawn]]] = (
            *((12, self._read), (5, self._history), (30, self._search), (6, self._posted_search)),
            *(
                (4, self._next),
                (9, self._create),
                (9, self._update),
                (1, self._define),
                (9, self._patch),
            ),
            *((1, self._delete), (7, self._bundle), (2, self._message), (24, self._operation)),
            *((8, self._graphql), (2, self._app_state), (2, self._export), (2, self._odd)),
        )

    def draw(self, number: int) -> Drawn:
        """The request of this number."""
        random = Random(f"{self._seed}/{number}")
        weights = [weight for weight, _ in self._kinds]
        [(_, kind)] = random.choices(self._kinds, weights)
        drawn = kind(random)
        chance = random.random()
        if chance < 0.12 and drawn.body:
            drawn = replace(drawn, body=damaged(random, drawn.body))
        elif chance < 0.15 and drawn.query:
            drawn = replace(drawn, query=damaged(random, drawn.query))
        elif chance < 0.17:
            place = random.randrange(len(drawn.path) + 1)
            drawn = replace(
                drawn, path=drawn.path[:place] + random.choice(ODD) + drawn.path[place:]
            )
        elif chance < 0.19:
            methods = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "X")
            drawn = replace(drawn, method=random.choice(methods))
        elif chance < 0.20 and drawn.body:
            drawn = self._compressed(random, drawn)
        elif chance < 0.205 and drawn.body:
            drawn = replace(drawn, breaks_off=True)
        path = _sendable(drawn.path.encode(errors="surrogateescape")).decode()
        return replace(drawn, path=path, query=_sendable(drawn.query[:LONGEST]))

    def _drawn(
        self,
        random: Random,
        method: str,
        path: str,
        route: str,
        *,
        query: str = "",
        body: bytes = b"",
        media_type: str | None = None,
        often: Sequence[str] = (),
    ) -> Drawn:
        sent = headers(random, often)
        if media_type is not None:
            if random.random() < 0.03:
                media_type = random.choice(
                    (*JUNK[:20], FORM, FHIR_XML, "text/plain", f"{media_type}; charset=x")
                )
            sent.append((b"content-type", media_type.encode(errors="surrogateescape")))
        caller = random.choice(self._callers)
        if method in ("PUT", "PATCH", "DELETE") and random.random() < 0.5:
            caller = "A"  # who may
        text = query.encode(errors="surrogateescape")
        return Drawn(caller, method, path, text, tuple(sent), body, f"{method} {route}")

    def _compressed(self, random: Random, drawn: Drawn) -> Drawn:
        packed = gzip.compress(drawn.body, 1)
        body = random.choice((packed, packed[: len(packed) // 2], drawn.body, packed + b"x"))
        sent = (
            *drawn.headers,
            (b"content-encoding", random.choice((b"gzip", b"x-gzip", b"gzip, gzip"))),
        )
        return replace(drawn, body=body, headers=sent)

    def _type(self, random: Random) -> str:
        return random.choice(TYPES) if random.random() < 0.7 else random.choice(self._types)

    def _id(self, random: Random, type_name: str) -> str:
        chance = random.random()
        if chance < 0.06:
            return quote(random.choice(JUNK), safe="", errors="surrogateescape") or "-"
        if chance < 0.12:
            return random.choice(("nothing", "b0", "b1", "f0"))
        if type_name == "Patient" and chance < 0.5:
            return quote(self.known.person(random), safe="")
        return quote(random.choice(self._ids.get(type_name) or ("p1",)), safe="")

    def _form(self, random: Random, chance: float = 0.15) -> str:
        """Parameters about the answer's form, in some of the requests."""
        if random.random() > chance:
            return ""
        names = ("_format", "_pretty", "_summary", "_elements")
        return urlencode(
            [
                self._searches.pair(random, "")
                if random.random() < 0.2
                else (one, random.choice(("xml", "true", "text", "id", "count")))
                for one in random.choices(names, k=2)
            ],
            errors="surrogateescape",
        )

    def _read(self, random: Random) -> Drawn:
        name = self._type(random)
        path, route = f"/{name}/{self._id(random, name)}", "/{type}/{id}"
        if random.random() < 0.3:
            version = quote(random.choice(VERSIONS), safe="")
            path, route = f"{path}/_history/{version}", f"{route}/_history/{{version}}"
        if random.random() < 0.05:
            path, route = "/metadata", "/metadata"
        method = "HEAD" if random.random() < 0.1 else "GET"
        if name == "Binary" and random.random() < 0.5:
            drawn = self._drawn(random, method, path, route)
            accept = random.choice((b"text/*", b"image/*", b"application/pdf", b"*/x"))
            return replace(drawn, headers=(*drawn.headers, (b"accept", accept)))
        often = random.choice(((), ("accept",), ("if-none-match",), ("if-modified-since",)))
        return self._drawn(random, method, path, route, query=self._form(random, 0.3), often=often)

    def _history(self, random: Random) -> Drawn:
        name = self._type(random)
        path, route = random.choice(
            (
                (f"/{name}/{self._id(random, name)}/_history", "/{type}/{id}/_history"),
                (f"/{name}/_history", "/{type}/_history"),
                ("/_history", "/_history"),
            )
        )
        names = ("_count", "_since", "_at", "_cursor", "_summary", "_elements", "_format", "_sort")
        given = [
            (one, self._plausible(random, one))
            for one in random.sample(names, k=random.choice((0, 1, 1, 2)))
        ]
        return self._drawn(
            random, "GET", path, route, query=urlencode(given, errors="surrogateescape")
        )

    def _plausible(self, random: Random, name: str) -> str:
        return random.choice((*CONTROLLED[name] * 3, random.choice(JUNK)))

    def _place(self, random: Random) -> tuple[str, str, str]:
        """Type, address and form of a search."""
        name = self._type(random)
        patient = quote(self.known.person(random), safe="")
        return random.choice(
            (
                *((name, f"/{name}", "/{type}"),) * 8,
                (name, f"/Patient/{patient}/{name}", "/{compartment}/{id}/{type}"),
                ("Observation", f"/Patient/{patient}/Observation", "/{compartment}/{id}/{type}"),
                ("", f"/Patient/{patient}/*", "/{compartment}/{id}/*"),
                (
                    name,
                    f"/Encounter/{self._id(random, 'Encounter')}/{name}",
                    "/{compartment}/{id}/{type}",
                ),
                ("", "/", "/"),
                ("", "", ""),
            )
        )

    def _search(self, random: Random) -> Drawn:
        name, path, route = self._place(random)
        query = urlencode(self._searches.query(random, name), errors="surrogateescape")
        if not name and random.random() < 0.5:
            query += "&_type=" + random.choice(("Patient,Observation", "Encounter", "Patient"))
        return self._drawn(random, "GET", path, route, query=query)

    def _posted_search(self, random: Random) -> Drawn:
        name, path, route = self._place(random)
        pairs = self._searches.query(random, name)
        form = urlencode(pairs, errors="surrogateescape").encode()
        if random.random() < 0.2:
            broken = random.choice(
                (b"%", b"%zz", b"%ff", b"&&=", b"=", b"+", b";", b"%C3", b"\xff", b"%00")
            )
            place = random.randrange(len(form) + 1)
            form = form[:place] + broken + form[place:]
        query = urlencode(self._searches.query(random, name), errors="surrogateescape")
        return self._drawn(
            random,
            "POST",
            f"{path.rstrip('/')}/_search",
            f"{route.rstrip('/')}/_search",
            query=query if random.random() < 0.15 else "",
            body=form,
            media_type=FORM,
        )

    def _next(self, random: Random) -> Drawn:
        """A further page, as an answer has named it, or with a cursor that is not quite that."""
        if not self.known.pages:
            return self._search(random)
        address = random.choice(self.known.pages[-200:])
        path, _, query = address.partition("?")
        text = query.encode()
        if random.random() < 0.5:
            before, mark, cursor = text.partition(b"_cursor=")
            text = before + mark + quote(damaged(random, cursor)).encode()
        drawn = self._drawn(random, "GET", path, "next")
        return replace(drawn, query=text)

    def _body(self, random: Random, resource: Json) -> tuple[str, bytes]:
        text = text_of(resource)
        if random.random() < 0.2:
            try:
                return FHIR_XML, to_xml(text)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                return FHIR_JSON, text  # not everything has a form in XML
        return FHIR_JSON, text

    def _create(self, random: Random) -> Drawn:
        name = self._type(random)
        if name == "Binary" and random.random() < 0.6:
            kind = random.choice(CONTENT_TYPES)
            content = random.randbytes(random.randrange(50))
            path, route = random.choice((("/Binary", "/{type}"), ("/Binary/n1", "/{type}/{id}")))
            method = "PUT" if route.endswith("{id}") else "POST"
            return self._drawn(random, method, path, route, body=content, media_type=kind)
        kind, body = self._body(random, self._resources.draw(random, name))
        often = random.choice(((), (), ("if-none-exist",), ("x-provenance",), ("prefer",)))
        return self._drawn(
            random,
            "POST",
            f"/{name}",
            "/{type}",
            query=self._form(random, 0.05),
            body=body,
            media_type=kind,
            often=often,
        )

    def _update(self, random: Random) -> Drawn:
        name = self._type(random)
        logical_id = random.choice((self._id(random, name), f"n{random.randrange(50)}"))
        resource = self._resources.draw(random, name, logical_id)
        kind, body = self._body(random, resource)
        often = random.choice(
            ((), ("if-match",), ("x-provenance",), ("if-none-match",), ("if-unmodified-since",))
        )
        path, route, query = f"/{name}/{logical_id}", "/{type}/{id}", ""
        if random.random() < 0.25:
            path, route = f"/{name}", "/{type}?"
            query = urlencode(self._searches.query(random, name), errors="surrogateescape")
        return self._drawn(
            random, "PUT", path, route, query=query, body=body, media_type=kind, often=often
        )

    def _define(self, random: Random) -> Drawn:
        logical_id = random.choice(("d1", "d2", "d3"))
        draw, name = random.choice(
            ((search_parameter, "SearchParameter"),) * 2 + ((subscription, "Subscription"),)
        )
        kind, body = self._body(random, draw(random, logical_id))
        path = f"/{name}/{logical_id}"
        drawn = self._drawn(random, "PUT", path, "/{type}/{id}", body=body, media_type=kind)
        return replace(drawn, caller="operator") if random.random() < 0.8 else drawn

    def _patch(self, random: Random) -> Drawn:
        name = random.choice(("Patient", "Observation", self._type(random)))
        ids = self._ids.get(name) or ("p1",)
        logical_id = random.choice(ids)
        resource = self._resources.whole(random, name)
        kind, body = patch(random, resource)
        often = random.choice(((), ("if-match",), ("x-provenance",), ("prefer",)))
        path, route, query = f"/{name}/{resource.get('id', logical_id)}", "/{type}/{id}", ""
        if random.random() < 0.2:
            path, route = f"/{name}", "/{type}?"
            query = urlencode(self._searches.query(random, name), errors="surrogateescape")
            query = random.choice((query, f"_id={logical_id}"))
        return self._drawn(
            random, "PATCH", path, route, query=query, body=body, media_type=kind, often=often
        )

    def _delete(self, random: Random) -> Drawn:
        name = self._type(random)
        own = ("b0", "b1", "n1", "n2", "f0")
        there = random.choice(own if name == "Patient" else (*own, self._id(random, name)))
        path, route, query = f"/{name}/{there}", "/{type}/{id}", ""
        if name != "Patient" and random.random() < 0.4:
            path, route = f"/{name}", "/{type}?"
            query = urlencode(self._searches.query(random, name), errors="surrogateescape")
        return self._drawn(random, "DELETE", path, route, query=query, often=("if-match",))

    def _bundle(self, random: Random) -> Drawn:
        bundle = self._bundles.draw(random, TYPES)
        kind, body = self._body(random, bundle)
        often = random.choice(((), ("x-provenance",), ("prefer",)))
        return self._drawn(
            random, "POST", random.choice(("", "/")), "/", body=body, media_type=kind, often=often
        )

    def _message(self, random: Random) -> Drawn:
        body = text_of(self._bundles.message(random))
        return self._drawn(
            random,
            "POST",
            "/$process-message",
            "/$process-message",
            body=body,
            media_type=FHIR_JSON,
        )

    def _operation(self, random: Random) -> Drawn:
        operation = random.choice([one for one in OPERATIONS if one.code != "graphql"])
        method, route, _ = random.choice(operation.routes)
        name = self._type(random) if operation.type == "Resource" else operation.type
        code = operation.code
        path = route.replace("{type}", name).replace("{version}", random.choice(("1", "1", "2")))
        about = self._id(random, name)
        if operation.definition.startswith(OWN) and self.known.persons and random.random() < 0.8:
            about = random.choice(self.known.persons)
        path = path.replace("{id}", about)
        if method == "GET":
            query = in_address(random, route, code)
            drawn = self._drawn(random, method, path, route, query=query)
        else:
            sent = arguments(random, route, code, self._resources, self.known)
            kind, body = self._body(random, sent)
            query = self._form(random, 0.05)
            drawn = self._drawn(
                random, method, path, route, query=query, body=body, media_type=kind
            )
        role = {**ROLES, "export": "A", "match": "A", "ihe-pix": "A"}.get(code)
        if role is not None and random.random() < 0.75:
            drawn = replace(drawn, caller=role)
        if code == "export" and random.random() < 0.8:
            return replace(drawn, headers=(*drawn.headers, (b"prefer", b"respond-async")))
        return drawn

    def _graphql(self, random: Random) -> Drawn:
        name = random.choice(("Patient", "Observation", self._type(random)))
        resource = self._resources.whole(random, name)
        name = resource["resourceType"]
        on_resource = random.random() < 0.5
        path = f"/{name}/{quote(resource['id'], safe='')}/$graphql" if on_resource else "/$graphql"
        route = "/{type}/{id}/$graphql" if on_resource else "/$graphql"
        text = random_graphql.document(random, name, resource, on_resource=on_resource)
        if random.random() < 0.25:
            query = random_graphql.in_address(random, text)
            return self._drawn(random, "GET", path, route, query=query)
        kind, body = random_graphql.posted(random, text)
        return self._drawn(random, "POST", path, route, body=body, media_type=kind)

    def _app_state(self, random: Random) -> Drawn:
        base = "/app-state/Basic"
        method = random.choice(("GET", "GET", "POST", "POST", "PUT", "DELETE"))
        known = self.known.states
        path = base if method in ("GET", "POST") else f"{base}/{random.choice((*known, 'x'))}"
        query = ""
        if method == "GET":
            pairs = [("code", random.choice(("https://app.example.org|preferences", "x", "\x00")))]
            pairs.append(
                random.choice((("subject:missing", "true"), ("subject", STATE_OF), ("x", "y")))
            )
            query = urlencode(pairs)
        state: Json = STATE
        if random.random() < 0.4:
            state = changed(random, STATE)
        if method == "PUT" and isinstance(state, dict):
            state = {**state, "id": path.rpartition("/")[2]}
        kind, body = self._body(random, state) if method in ("POST", "PUT") else (None, b"")
        drawn = self._drawn(
            random, method, path, base, query=query, body=body, media_type=kind, often=("if-match",)
        )
        return replace(drawn, caller="app") if random.random() < 0.8 else drawn

    def _export(self, random: Random) -> Drawn:
        place = random.choice((*self.known.exports, "/$export-files/x"))
        file = random.choice(
            (
                "",
                "",
                "/Patient.1.ndjson",
                "/Observation.1.ndjson",
                "/deleted.1.ndjson",
                "/Patient.999999.ndjson",
                "/Patient.².ndjson",
                "/x",
            )
        )
        method = random.choice(("GET",) * 8 + ("HEAD", "DELETE"))
        return self._drawn(
            random,
            method,
            place + file,
            f"/$export-files{'/{file}' if file else ''}",
            query=self._form(random, 0.05),
            often=("accept",),
        )

    def _odd(self, random: Random) -> Drawn:
        """An address that is none, or nearly none."""
        pieces = random.choices(
            (*ODD, "Patient", "/", "p1", "_history", "_search", "a" * 3000, "$meta", "*"),
            k=random.choice((1, 2, 4, 8)),
        )
        query = random.choice(
            ("", "?", "%", "%ff=%fe", "a&&b=", "=&=", "_format", "&" * 1500, "a=1&" * 1200)
        )
        return self._drawn(random, "GET", "/" + "".join(pieces), "odd", query=query)
