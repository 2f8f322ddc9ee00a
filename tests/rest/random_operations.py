"""Random arguments for every operation that the exchange has. Definitions: hie/rest/operations

Names and plausible values; what is drawn is then often changed in places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

from random_resources import SCALARS, Resources, changed
from random_searches import JUNK

from hie.kit.clock import now

Json = Any
PERSONS = ("p1", "p1", "example", "glossy", "nothing")
SOURCES = ("Patient/t1", "Patient/t2", "Patient/t3", "Patient/t4", "Patient/p1", "x")
NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 0, -1, 2**31, 2**63, 2**70, True, 1.5, "1")
TYPES = ("Patient", "Observation,Encounter", "Observation", "x", "Patient,,", "")
INSTANTS = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2020")
SOON = (now() + timedelta(days=30)).date().isoformat()
DAYS = ("2020-01-01", "2013", "2015-03", "2100-01-01", "0001", "9999", "x")
REASONS = ("ETREAT", "TREAT", "TREAT", "TREAT", "COC", "BTG", "x", "")


@dataclass(slots=True)
class Known:
    """What answers have told: golden ids, codes, numbers of what waits, places of exports, app states."""

    persons: list[str] = field(default_factory=list)
    invitations: list[str] = field(default_factory=list)
    visits: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    """Addresses of further pages."""

    def person(self, random: Random) -> str:
        """The id of a Patient, of a source's or a golden one."""
        return random.choice((*PERSONS, *self.persons * 3))


ASKED: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "everything": {
        "_count": (1, 2, 5, 0, "x"),
        "_type": TYPES,
        "_since": INSTANTS,
        "start": DAYS,
        "end": DAYS,
        "_cursor": ("x", "a.b"),
        "_summary": ("true", "count"),
        "_elements": ("id",),
    },
    "lastn": {
        "max": (1, 2, 0, "x"),
        "patient": ("Patient/p1", "p1", "example"),
        "subject": ("Patient/p1",),
        "category": ("vital-signs", "laboratory"),
        "code": ("http://loinc.org|8867-4", "x"),
        "date": ("gt2000", "x"),
        "_elements": ("code",),
    },
    "ihe-pix": {
        "sourceIdentifier": (
            "urn:hie:institution:A:patient|7",
            "urn:oid:1.2.36.146.595.217.0.1|12345",
            "x",
            "|",
            "a|",
        ),
        "targetSystem": ("urn:hie:institution:A", "urn:oid:1.2.36.146.595.217.0.1", ""),
    },
    "export": {
        "_type": TYPES,
        "_since": INSTANTS,
        "_outputFormat": ("ndjson", "application/fhir+ndjson", "x"),
        "_typeFilter": ("Observation?status=final", "Observation?x=y", "Patient?name=", "x"),
        "_elements": ("id", "Patient.name"),
        "patient": ("Patient/p1", "p1,example", "nothing"),
    },
    "explain-access": {
        "resource": ("Observation/o1", "Encounter/visit", "Patient/p1", "x", "Observation/nothing"),
        "account": ("", "clinician", "x"),
    },
    "emergencies": {},
    "emergency-reads": {"number": NUMBERS},
    "candidates": {"_count": (1, 5, 0, "x")},
    "reviews": {
        "_count": (1, 5),
        "_offset": (1, 0),
        "reason": ("x", "score"),
        "guard": ("x", "twins"),
    },
    "review": {"number": NUMBERS},
    "second-reviews": {"number": NUMBERS},
    "validate": {
        "mode": ("create", "update", "delete", "profile", "x"),
        "profile": ("x", "http://hl7.org/fhir/StructureDefinition/Patient"),
    },
}
"""Parameters of operations that are asked by GET."""
SENT: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "open-record": {
        "reason": REASONS,
        "note": ("visit", ""),
        "code": ("x", ""),
        "hours": (1, 24, 0, -1, 2**40),
    },
    "close-record": {},
    "confirm-sensitive": {"note": ("needed", "")},
    "visit-code": {},
    "review-emergency": {
        "number": NUMBERS,
        "verdict": ("justified", "unjustified", "x"),
        "remark": ("fine", ""),
    },
    "invite-proxy": {
        "name": ("王雨欣", "王芳", ""),
        "action": ("read", "read", "consent", "contribute", "x"),
        "until": (SOON, "9999-12-31", "0001-01-01", "x"),
    },
    "proxy-invitation": {"code": ("x", "")},
    "accept-proxy": {"code": ("x", "")},
    "end-representation": {"number": NUMBERS, "invitation": NUMBERS},
    "link": {"patient": SOURCES, "reason": ("same",)},
    "unlink": {"patient": SOURCES, "reason": ("other",)},
    "merge": {"other": ("Patient/p1",), "reason": ("same",)},
    "unmerge": {"other": ("Patient/p1",), "reason": ("other",)},
    "not-duplicate": {"other": ("Patient/p1",), "reason": ("twins",)},
    "decide-review": {
        "number": NUMBERS,
        "decision": ("merge", "move", "not-duplicate", "separate", "keep", "x"),
        "reason": ("clear", ""),
    },
    "second-opinion": {
        "number": NUMBERS,
        "verdict": ("same", "different", "unsure", "x"),
        "reason": ("clear", ""),
    },
}
"""Parameters of operations that are sent by POST."""
ROLES: Mapping[str, str] = {
    **dict.fromkeys(("open-record", "close-record", "confirm-sensitive"), "clinician"),
    **dict.fromkeys(("link", "unlink", "merge", "unmerge", "not-duplicate"), "steward"),
    **dict.fromkeys(
        ("link-history", "candidates", "reviews", "review", "decide-review"), "steward"
    ),
    **dict.fromkeys(("second-reviews", "second-opinion", "reviewer-agreement"), "steward"),
    **dict.fromkeys(("emergencies", "emergency-reads", "review-emergency"), "reviewer"),
    **dict.fromkeys(("representatives", "invite-proxy", "proxy-invitation"), "resident"),
    **dict.fromkeys(("end-representation", "visit-code"), "resident"),
    "accept-proxy": "other",
    "explain-access": "auditor",
}
"""Who can do what not everybody can."""
OPERATIONS_IN_BUNDLES = (
    *("Patient/$match", "Patient/$validate", "Observation/$lastn", "Patient/p1/$everything"),
    *("Patient/p1/$meta-add", "Observation/_search", "$meta", "Patient/$visit-code", "$graphql"),
)
METAS: Sequence[Json] = (
    {"tag": [{"system": "http://example.org", "code": "x"}]},
    {
        "security": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
        ]
    },
    {"profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns"]},
    *({}, {"tag": [{}]}, {"versionId": "9"}, {"lastUpdated": "x"}, {"tag": []}),
)
WHOLE = frozenset(("ihe-pix", "explain-access"))
"""Operations whose parameters are all needed."""
OPTIONAL = {"open-record": ("code", "hours"), "end-representation": ("number", "invitation")}
"""Parameters that are mostly left out."""
PLACED = frozenset(("everything", "candidates", "link-history", "explain-access", "meta", "export"))


def asked(random: Random, known: Known) -> str:
    """The last part of the address of an operation that is asked by GET."""
    code = random.choice((*ASKED, "meta", "graphql"))
    return f"{known.person(random)}/${code}" if code in PLACED else f"${code}"


def in_address(random: Random, route: str, code: str) -> str:
    """A query string with arguments of the operation."""
    pairs = [(name, str(value)) for name, value in _some(random, route, code)]
    if random.random() < 0.1:
        pairs.append(random.choice((("_format", "xml"), ("x", "y"), ("_pretty", "true"), ("", ""))))
    return urlencode(pairs, errors="surrogateescape")


def _some(random: Random, route: str, code: str) -> list[tuple[str, Any]]:
    known = ASKED.get(code, {})
    often = 0.9 if len(known) == 1 or code in WHOLE else min(0.45, 1.5 / max(len(known), 1))
    taken = [name for name in known if random.random() < often]
    if "targetSystem" in taken and random.random() < 0.7:
        taken.remove("targetSystem")
    if route.startswith("/Encounter"):
        taken = [name for name in taken if name not in ("start", "end")]
    return [(name, _one(random, known[name])) for name in taken]


def _one(random: Random, values: Sequence[Any]) -> Any:
    """Most often the first of the values, which is right more often than the others."""
    chance = random.random()
    if chance < 0.08:
        return random.choice(JUNK)
    return values[0] if chance < 0.7 else random.choice(values)


def arguments(random: Random, route: str, code: str, resources: Resources, known: Known) -> Json:
    """A Parameters resource, or what else the operation may be sent."""
    given: list[Json] = []
    match code:
        case "match":
            given = [{"name": "resource", "resource": resources.draw(random, "Patient")}]
            if random.random() < 0.5:
                given.append({"name": "count", "valueInteger": random.choice(NUMBERS)})
            if random.random() < 0.5:
                given.append(
                    {
                        "name": "onlyCertainMatches",
                        "valueBoolean": random.choice((True, False, 1, [])),
                    }
                )
        case "validate":
            kind = random.choice(("Patient", "Observation", "Encounter", "Bundle", "Questionnaire"))
            resource = resources.draw(random, kind)
            if random.random() < 0.5:
                return resource
            given = [
                {"name": "resource", "resource": resource},
                {"name": "mode", "valueCode": "create"},
            ]
        case "meta-add" | "meta-delete":
            meta = random.choice(METAS)
            given = [
                {
                    "name": "meta",
                    "valueMeta": changed(random, meta) if random.random() < 0.3 else meta,
                }
            ]
        case _ if code in SENT:
            left_out = {name for name in OPTIONAL.get(code, ()) if random.random() < 0.6}
            given = [
                {"name": name, **_value(random, name, values, known)}
                for name, values in SENT[code].items()
                if name not in left_out and random.random() < 0.95
            ]
        case _:
            some = _some(random, route, code)
            given = [{"name": name, **_value(random, name, (one,), known)} for name, one in some]
    sent: Json = {"resourceType": "Parameters", "parameter": given}
    return changed(random, sent) if random.random() < 0.15 else sent


def _value(random: Random, name: str, values: Sequence[Any], known: Known) -> Json:
    value = _one(random, values) if random.random() < 0.95 else random.choice(SCALARS)
    learnt: Sequence[Any] = ()
    match name:
        case "code":
            learnt = known.visits if values is SENT["open-record"]["code"] else known.invitations
        case "number" | "invitation":
            learnt = known.numbers
        case "other":
            learnt = [f"Patient/{one}" for one in known.persons]
    if learnt and random.random() < 0.7:
        value = random.choice(learnt[-8:])
    if name in ("patient", "other"):
        return {"valueReference": {"reference": value}}
    kind = "valueInteger" if isinstance(value, int) else "valueString"
    return {random.choice((*(kind,) * 6, "valueCode")): value}
