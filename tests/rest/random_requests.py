"""Random requests over the whole REST surface, drawn from what the server says of itself.

Addresses, parameters and operations come from its CapabilityStatement; bodies are official examples
with parts taken away, repeated, swapped and replaced. One seed gives one sequence.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

Json = Any
JUNK: Sequence[str] = (
    *("", " ", "0", "-1", "1", "true", "null", "%", "\\", "|", "||", "a|b|c", ",", "$", "$|", "'"),
    *(
        "1e400",
        "-0",
        "99999999999999999999",
        "2024",
        "2024-02-30",
        "ge2024-01",
        "ap2024-01-01T10:00Z",
    ),
    *("eq", "ne1", "sa2020", "2020-01-01T00:00:00+99:00", "1.10|http://unitsofmeasure.org|mg"),
    *("5|mg", "<5", "Patient/p1", "p1", "Patient/", "http://127.0.0.1:8080/fhir/Patient/p1", "#x"),
    *(
        "urn:uuid:0",
        "http://loinc.org|",
        "|active",
        "male",
        "张伟",
        "zhang wei",
        "zw",
        "é\u0301",
        "\u202e",
    ),
    *("name eq 'x'", "(a or b) and c", "not(name co 'a')", "Patient?name=x", "_", "*", "a" * 300),
)
PLAUSIBLE: dict[str, Sequence[str]] = {
    "token": ("male", "http://loinc.org|8867-4", "final", "|x", "true"),
    "string": ("张", "peter", "li", "zw", "Chalmers"),
    "date": ("2020", "ge2015-03", "lt2024-01-01T00:00:00Z", "1974-12-25", "ap2013"),
    "reference": ("Patient/p1", "p1", "Patient/example", "Practitioner/example"),
    "quantity": ("185", "gt5", "5|http://unitsofmeasure.org|mg", "70.10||kg", "ap6.3"),
    "number": ("1", "gt0.5", "1e-2", "ne3"),
    "uri": ("http://loinc.org", "urn:oid:1.2"),
    "composite": ("8867-4$gt5", "http://loinc.org|8867-4$5"),
    "special": ("42.25|-83.69|11.2|km",),
}
CONTROLLED = {
    "_sort": ("_lastUpdated", "-date", "name", "-_id", "code,-date", "gender", "-status,date"),
    "_count": ("1", "5", "0"),
    "_include": ("*", "Observation:subject", "Observation:patient"),
    "_revinclude": ("Observation:subject", "*"),
    "_summary": ("true", "count", "data", "text"),
    "_elements": ("status", "code,subject"),
    "_total": ("accurate", "estimate", "none"),
    "_type": ("Patient,Observation", "Observation"),
    "_contained": ("true", "both", "false"),
    "_containedType": ("contained", "container"),
    "_filter": ("status eq final", "not(code eq x) or date ge 2010"),
    "_has:Observation:patient:code": ("http://loinc.org|8867-4", "x"),
}
MODIFIERS = (
    *("",) * 40,
    *("", "", "", ":exact", ":contains", ":missing", ":not", ":text", ":in", ":not-in", ":above"),
    *(":below", ":of-type", ":identifier", ":Patient", ":nothing", ".name", ":Patient.birthdate"),
)
CONTROLS = (
    *("_sort", "_count", "_include", "_revinclude", "_include:iterate", "_summary", "_elements"),
    *(
        "_total",
        "_contained",
        "_containedType",
        "_type",
        "_filter",
        "_list",
        "_text",
        "_content",
        "_cursor",
        "_since",
    ),
    *("_at", "_format", "_pretty", "_id", "_lastUpdated", "_tag", "_has:Observation:patient:code"),
)
OWN = "subject=http://127.0.0.1:8080/fhir/Patient/p1"
PROVENANCES = (
    '{"resourceType":"Provenance","recorded":"2026-01-02T10:00:00Z","agent":[{"who":{"display":"x"}}]}',
    '{"resourceType":"Provenance","agent":[{"who":{"reference":"Patient?name=x"}}]}',
    *('{"resourceType":"Provenance","target":[]}', '{"target":', "[]", "1e999", "{}", ""),
)
CONTENT_TYPES = (
    *("application/fhir+json",) * 40,
    *("application/json", "application/fhir+xml", "application/json-patch+json", "text/plain"),
    *("application/x-www-form-urlencoded", "application/graphql", "", "application/xml-patch+xml"),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request; `body` only for methods that have one."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Requests:
    """An endless source of requests."""

    def __init__(self, seed: int, capabilities: Json, examples: Sequence[Json]) -> None:
        self._random = random.Random(seed)
        [rest] = capabilities["rest"]
        self._types = {one["type"]: one for one in rest["resource"]}
        self._system = [one["name"] for one in rest.get("operation", ())]
        self._examples = examples

    def draw(self) -> Drawn:
        method = self._random.choices(
            ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"), (60, 20, 12, 8, 2, 3, 2)
        )[0]
        path = self._path(method)
        if self._random.random() < (0.7 if method == "GET" else 0.15):
            path += "?" + self._query(path)
        body = self._body(path) if method in ("POST", "PUT", "PATCH") else b""
        return Drawn(method, path, self._headers(), body)

    def _path(self, method: str) -> str:
        pick = self._random.choice
        name = pick(tuple(self._types)) if self._random.random() < 0.4 else "Patient"
        if self._random.random() < 0.4:
            name = "Observation"
        own = "o1" if name == "Observation" else "p1"
        junk = quote(pick(JUNK), safe="") or "-"
        logical_id = pick((own, own, own, own, "p2", "nothing", junk))
        operations = [one["name"] for one in self._types[name].get("operation", ())]
        forms = [f"/{name}/{logical_id}", f"/{name}"]
        if method in ("GET", "POST", "HEAD"):
            forms += [
                f"/{name}/{logical_id}/_history",
                f"/{name}/{logical_id}/_history/{pick(('1', '2', '0', '-1', 'x', '9' * 30))}",
                f"/{name}/_history",
                "/_history",
                "/",
                "/_search",
                f"/{name}/_search",
                f"/Patient/{logical_id}/{name}",
                f"/Patient/{logical_id}/*",
                *(f"/{name}/{logical_id}/${operation}" for operation in operations),
                *(f"/{name}/${operation}" for operation in operations),
                *(f"/${operation}" for operation in self._system),
            ]
        return pick(forms)

    def _query(self, path: str) -> str:
        name = path.strip("/").split("/")[0]
        parameters = self._types.get(name, {}).get("searchParam", ())
        known = [one["name"] for one in parameters]
        pairs = []
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3, 4))):
            if known and self._random.random() < 0.7:
                one = self._random.choice(parameters)
                parameter = one["name"] + self._random.choice(MODIFIERS)
                plausible = PLAUSIBLE[one["type"]]
            else:
                parameter = self._random.choice(CONTROLS)
                plausible = CONTROLLED.get(parameter, ("p1", "5"))
            value = self._value(known)
            pairs.append(
                (
                    parameter,
                    self._random.choice(plausible) if self._random.random() < 0.8 else value,
                )
            )
        if self._random.random() < 0.05:
            raw = "&".join(f"{key}={value}" for key, value in pairs)
            return "".join(c for c in raw if c.isprintable())  # the client refuses all others
        return urlencode(pairs, errors="replace")

    def _value(self, known: Sequence[str]) -> str:
        kind = self._random.random()
        if kind < 0.15 and known:
            return self._random.choice(known)
        if kind < 0.25:
            return ",".join(self._random.choices(JUNK, k=self._random.randint(2, 5)))
        if kind < 0.35:
            return "$".join(self._random.choices(JUNK, k=2))
        if kind < 0.4:
            return "".join(chr(self._random.randint(1, 0x2FFF)) for _ in range(8))
        return self._random.choice(JUNK)

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": self._random.choice(CONTENT_TYPES)}
        for name, values in (
            ("accept", ("application/fhir+json", "application/fhir+xml", "*/*", "x")),
            (
                "prefer",
                ("return=minimal", "return=x", "handling=lenient", "return=OperationOutcome"),
            ),
            ("if-match", ('W/"1"', '"x"', "*", "1")),
            ("if-none-match", ('W/"1"', "*", "x")),
            ("if-none-exist", ("identifier=x|7", "name", "", "_id=p1", "nothing=1", OWN)),
            ("if-modified-since", ("Mon, 23 Nov 2026 00:00:00 GMT", "yesterday")),
            ("if-unmodified-since", ("Mon, 23 Nov 2026 00:00:00 GMT", "yesterday", "Mon, 99")),
            ("x-provenance", PROVENANCES),
            ("accept-language", ("zh-CN", "en", "xx;q=x")),
            ("content-encoding", ("gzip", "br", "identity")),
            ("origin", ("https://app.example.org", "null")),
        ):
            if self._random.random() < 0.04:
                headers[name] = self._random.choice(values)
        return headers

    def _body(self, path: str) -> bytes:
        kind = self._random.random()
        name = path.strip("/").split("/")[0].split("?")[0]
        if kind < 0.05:
            return self._random.randbytes(self._random.randint(0, 50))
        if kind < 0.1:
            return urlencode([(self._random.choice(CONTROLS), self._value(()))]).encode()
        fitting = [one for one in self._examples if one["resourceType"] == name]
        example = self._random.choice(fitting or self._examples)
        if path.count("/") == 2 and self._random.random() < 0.7:
            example = {**example, "id": path.rpartition("/")[2]}
        if kind < 0.25:
            example = self._bundle()
        elif kind < 0.35:
            example = self._patch()
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            example = self._changed(example)
        text = orjson.dumps(example)
        if kind > 0.95:
            cut = self._random.randint(0, len(text))
            text = text[:cut] + self._random.choice((b"", b"}", b"\xff", b'"', b",,")) + text[cut:]
        return text

    def _bundle(self) -> Json:
        entries = []
        for number in range(self._random.randint(0, 4)):
            resource = self._random.choice(self._examples)
            method = self._random.choice(("POST", "PUT", "GET", "DELETE", "PATCH", "HEAD", "x"))
            name = resource["resourceType"]
            url = self._random.choice(
                (name, f"{name}/p1", f"{name}?name=x", "", f"{name}/_history")
            )
            entries.append(
                {
                    "fullUrl": self._random.choice((f"urn:uuid:{number}", f"{name}/{number}")),
                    "resource": resource,
                    "request": {"method": method, "url": url},
                }
            )
        kind = self._random.choice(("transaction", "batch", "batch", "history", "x"))
        return {"resourceType": "Bundle", "type": kind, "entry": entries}

    def _patch(self) -> Json:
        operation = self._random.choice(("add", "replace", "remove", "move", "copy", "test", "x"))
        path = self._random.choice(("/name/0/text", "/active", "/", "", "/x/y", "/name/-", "/~2"))
        return [
            {"op": operation, "path": path, "value": self._random.choice(JUNK), "from": "/name"}
        ]

    def _changed(self, value: Json) -> Json:
        """A copy with one place somewhere inside taken away, repeated or replaced."""
        if isinstance(value, dict) and value:
            return self._changed_object(value)
        if isinstance(value, list) and value:
            place = self._random.randrange(len(value))
            if self._random.random() < 0.2:
                return [*value, *value[: place + 1]]
            return [*value[:place], self._changed(value[place]), *value[place + 1 :]]
        return self._random.choice((*JUNK, 0, -1, 1.5, True, None, {"a": 1}, [1]))

    def _changed_object(self, value: dict[str, Json]) -> Json:
        key = self._random.choice(tuple(value))
        match self._random.randint(0, 5):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return {**value, key: self._random.choice((None, 1, "x", [], {}, [[]], True))}
            case 2:
                return {**value, self._random.choice(JUNK): value[key]}
            case _:
                return {**value, key: self._changed(value[key])}
