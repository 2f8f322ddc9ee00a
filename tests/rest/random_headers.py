"""Random headers: conditions, preferences, formats, Provenance; right, half right and wrong.

https://hl7.org/fhir/R4/http.html#general
"""

from collections.abc import Sequence
from random import Random

from random_bytes import damaged

TAGS = (
    *('W/"1"', 'W/"1"', '"1"', 'W/"2"', "*", "1", '"x"', 'W/"²"', 'W/"1", W/"2"', 'W/"', "", "W/1"),
    *('W/"99999999999999999999"', 'W/"-1"', 'W/"' + "9" * 5000 + '"', 'W/"01"', 'W/"1_0"'),
)
DATES = (
    *("Mon, 23 Nov 2026 00:00:00 GMT", "Mon, 23 Nov 2099 00:00:00 GMT", "yesterday", "Mon, 99", ""),
    *("Mon, 01 Jan 0001 00:00:00 +1400", "Fri, 31 Dec 9999 23:59:59 -1400", "01 Jan 70 00:00 GMT"),
    *("Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 01 Jan 2020 00:00:00 +" + "9" * 20),
    *(
        "2026-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-01-01",
    ),
)
OWN = "subject=http://127.0.0.1:8080/fhir/Patient/p1"
EXISTING = (
    "identifier=x|7",
    "name",
    "",
    "_id=p1",
    "_id=nothing",
    "nothing=1",
    OWN,
    "?",
    "Patient?_id=p1",
    "name=²",
)
PROVENANCE = '{"resourceType":"Provenance","recorded":"2026-01-02T10:00:00Z","agent":[{"who":{"display":"x"}}]}'
PROVENANCES = (
    *(PROVENANCE, PROVENANCE, PROVENANCE),
    '{"resourceType":"Provenance","agent":[{"who":{"reference":"Patient?name=x"}}]}',
    '{"resourceType":"Provenance","recorded":"2026-01-02T10:00:00Z","agent":[{"who":{"display":"张"}}]}',
    '{"resourceType":"Provenance","id":"x","recorded":"2026-01-02T10:00:00Z","agent":[{"who":{"display":"\\ud800"}}]}',
    *(
        '{"resourceType":"Provenance","target":[]}',
        '{"target":',
        "[]",
        "1e999",
        "{}",
        "",
        "[" * 500,
    ),
)
FORMATS = (
    *(
        "application/fhir+json",
        "application/fhir+xml",
        "application/fhir+xml",
        "*/*",
        "x",
        "",
        "text/*",
    ),
    *(
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+json;fhirVersion=3.0",
        "application/fhir+ndjson",
    ),
    *(
        "application/fhir+xml;q=0.5, application/fhir+json;q=0.1",
        "a;q=x, b;q=²",
        "application/json;q=0",
    ),
)
SENT: Sequence[tuple[str, Sequence[str]]] = (
    ("accept", FORMATS),
    (
        "prefer",
        (
            *("return=minimal", "return=representation", "return=OperationOutcome", "return=x"),
            *(
                "handling=lenient",
                "handling=lenient, return=minimal",
                "respond-async",
                "handling=strict",
            ),
        ),
    ),
    ("if-match", TAGS),
    ("if-none-match", TAGS),
    ("if-none-exist", EXISTING),
    ("if-modified-since", DATES),
    ("if-unmodified-since", DATES),
    ("x-provenance", PROVENANCES),
    ("accept-language", ("zh-CN", "en", "xx;q=x", "zh;q=²")),
    ("accept-encoding", ("gzip", "zstd", "br", "identity;q=0", "gzip;q=x")),
    ("origin", ("https://app.example.org", "null", "é")),
    ("x-request-id", ("a", "é", "a" * 500, "")),
    ("x-security-context", ("Patient/p1", "x", "é", '"')),
    ("dpop", ("x", "a.b.c", "é")),
    ("content-encoding", ("gzip", "br", "identity", "GZIP", "é")),
)


def headers(random: Random, often: Sequence[str] = ()) -> list[tuple[bytes, bytes]]:
    """Some headers as bytes; those named `often` in every second request."""
    found = []
    for name, values in SENT:
        while random.random() < (0.5 if name in often else 0.025):
            value = random.choice(values).encode()
            if random.random() < 0.1:
                value = damaged(random, value)
            found.append((name.encode(), bytes(c for c in value if c not in b"\r\n\0")))
            if random.random() < 0.9:
                break
    return found
