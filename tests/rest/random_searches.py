"""Random search parameters: plausible ones of every type, with all modifiers and controls, and others.

Plausible values are taken out of the examples that the store holds, so that many searches match.
https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from random_bytes import damaged_text

Json = Any
Pair = tuple[str, str]
JUNK: Sequence[str] = (
    *("", " ", "0", "-1", "1", "true", "null", "%", "\\", "|", "||", "a|b|c", ",", "$", "$|", "'"),
    *("1e400", "-0", "9" * 20, "9" * 5000, "²", "٣", "1_0", "2024", "2024-02-30", "ge2024-01"),
    *("ap2024-01-01T10:00Z", "eq", "ne1", "sa2020", "2020-01-01T00:00:00+99:00", "0001-01-01"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "-2020"),
    *("1.10|http://unitsofmeasure.org|mg", "5|mg", "<5", "1e-400||mg", "Patient/p1", "p1", "#x"),
    *("Patient/", "http://127.0.0.1:8080/fhir/Patient/p1", "urn:uuid:0", "http://loinc.org|"),
    *(
        "|active",
        "male",
        "张伟",
        "zhang wei",
        "zw",
        "é\u0301",
        "\u202e",
        "\x00",
        "a\x00b",
        "\udcff",
    ),
    *("name eq 'x'", "(a or b) and c", "not(name co 'a')", "Patient?name=x", "_", "*", "a" * 300),
    *("_has:x", "a.b.c", "[", "(", "\\,", "\\$\\|", "a\\", "NaN", "Infinity", "1.0e", "+1", " 1 "),
)
PREFIXES = (*("",) * 6, "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
PLAUSIBLE: Mapping[str, Sequence[str]] = {
    "token": (
        *(
            "male",
            "http://loinc.org|8867-4",
            "final",
            "|x",
            "true",
            "active",
            "8302-2",
            "http://loinc.org|",
        ),
        *(
            "http://snomed.info/sct|73211009",
            "MR|12345",
            "http://terminology.hl7.org/CodeSystem/v2-0203|MR|1",
        ),
    ),
    "string": ("张", "peter", "li", "zw", "Chalmers", "van de", "é", "PleasantVille"),
    "date": (
        "2020",
        "2015-03",
        "2024-01-01T00:00:00Z",
        "1974-12-25",
        "2013",
        "2012-05-30T09:30+08:00",
    ),
    "reference": ("Patient/p1", "p1", "Patient/example", "Practitioner/example", "example", "f001"),
    "quantity": (
        "185",
        "5",
        "5|http://unitsofmeasure.org|mg",
        "70.10||kg",
        "6.3|http://unitsofmeasure.org|mmol/L",
    ),
    "number": ("1", "0.5", "1e-2", "3", "100"),
    "uri": ("http://loinc.org", "urn:oid:1.2", "http://hl7.org/fhir"),
    "composite": ("8867-4$gt5", "http://loinc.org|8867-4$5", "8480-6$lt60", "Patient/example$x"),
    "special": ("42.25|-83.69|11.2|km", "42.25|-83.69", "-90|180|1e9|km"),
}
MODIFIERS: Mapping[str, Sequence[str]] = {
    "token": (":text", ":not", ":above", ":below", ":in", ":not-in", ":of-type", ":missing"),
    "string": (":exact", ":contains", ":missing", ":phonetic"),
    "reference": (":missing", ":identifier", ":Patient", ":above", ":below", ":Group", ":[x]"),
    "uri": (":above", ":below", ":missing"),
    "date": (":missing",),
    "number": (":missing",),
    "quantity": (":missing",),
    "composite": (":missing",),
    "special": (":missing",),
}
FILTERS = (
    *(
        "status eq final",
        "not(code eq x) or date ge 2010",
        'name co "a" and birthdate lt 2000-01-01',
    ),
    *('(name sw "P" or name eq "x") and not (gender eq male)', "code in http://loinc.org/vs/x"),
    *(
        "subject re Patient/example",
        "subject.name co 'a'",
        'name[type eq "x"].value eq "y"',
        "date pr true",
    ),
    *(
        "_id eq p1",
        "_lastUpdated gt 2020-01-01",
        "value-quantity gt 5",
        "code ss x",
        "date po 2020",
    ),
)
CONTROLLED: Mapping[str, Sequence[str]] = {
    "_sort": (
        "_lastUpdated",
        "-date",
        "name",
        "-_id",
        "code,-date",
        "gender",
        "-status,date",
        "-_score",
    ),
    "_count": ("1", "2", "5", "0", "100"),
    "_include": (
        "*",
        "Observation:subject",
        "Observation:patient",
        "Patient:organization",
        "Encounter:*",
    ),
    "_include:iterate": ("*", "Observation:subject:Patient", "Patient:general-practitioner"),
    "_include:recurse": ("Observation:has-member",),
    "_revinclude": ("Observation:subject", "*", "Provenance:target", "Encounter:patient"),
    "_revinclude:iterate": ("Observation:subject", "Observation:encounter"),
    "_summary": ("true", "count", "data", "text", "false"),
    "_elements": ("status", "code,subject", "id,meta", "name.family", "Patient.name"),
    "_total": ("accurate", "estimate", "none"),
    "_type": ("Patient,Observation", "Observation", "Patient,Encounter,Condition"),
    "_contained": ("true", "both", "false"),
    "_containedType": ("contained", "container"),
    "_filter": FILTERS,
    "_text": ("blood", "a or b", "patient -male", '"blood pressure"', "血压"),
    "_content": ("blood", "peter and chalmers", "(", "张 or 李"),
    "_list": ("example", "$current-problems", "nothing"),
    "_id": ("p1", "example", "p1,o1,example", "f001"),
    "_lastUpdated": ("gt2020-01-01", "le2100", "2026", "ap2026-11"),
    "_tag": ("x", "http://example.org|x", "|x"),
    "_profile": ("http://hl7.org/fhir/StructureDefinition/vitalsigns",),
    "_security": ("R", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R", ":x"),
    "_source": ("http://example.org", "urn:x"),
    "_query": ("x",),
    "_has:Observation:patient:code": ("http://loinc.org|8867-4", "x", "8302-2"),
    "_has:Observation:subject:_has:Provenance:target:agent": ("Practitioner/example",),
    "_has:Encounter:patient:date:missing": ("true", "false"),
    "_cursor": ("x", "", "a.b"),
    "_since": ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00+08:00", "0001-01-01T00:00:00+14:00"),
    "_at": ("2026", "2026-11", "ge2026", "2026-11-23T10:00:00Z", "0001", "9999"),
    "_format": ("json", "xml", "application/fhir+json", "application/fhir+xml", "text/turtle"),
    "_pretty": ("true", "false"),
}
CONTROLS = tuple(CONTROLLED)
LONGEST = 6000
"""Characters of a query; servers refuse longer ones before they reach the exchange."""


def texts_of(value: Json) -> list[str]:
    """All short texts and numbers somewhere inside a resource."""
    match value:
        case dict():
            return [text for each in value.values() for text in texts_of(each)]
        case list():
            return [text for each in value for text in texts_of(each)]
        case str() if len(value) < 60:
            return [value]
        case bool():
            return [str(value).lower()]
        case int() | float():
            return [str(value)]
    return []


class Searches:
    """Draws queries. `parameters`: of each type, the name and type of each search parameter."""

    def __init__(
        self, parameters: Mapping[str, Sequence[Pair]], stored: Mapping[str, Sequence[Json]]
    ) -> None:
        self._parameters = parameters
        self._texts = {name: texts_of(list(some)) for name, some in stored.items()}

    def query(self, random: Random, type_name: str) -> list[Pair]:
        """Parameters for a search of a type."""
        count = random.choice((1, 1, 1, 2, 2, 3, 4))
        return [self.pair(random, type_name) for _ in range(count)]

    def pair(self, random: Random, type_name: str) -> Pair:
        """One parameter with its value."""
        known = self._parameters.get(type_name, ())
        if not known or random.random() < 0.35:
            name = random.choice(CONTROLS)
            if name.startswith("_sort") and known and random.random() < 0.5:
                names = random.choices(known, k=random.choice((1, 1, 2, 3)))
                value = ",".join(random.choice(("", "-")) + code for code, _ in names)
            elif "include" in name and known and random.random() < 0.4:
                value = f"{type_name}:{random.choice(known)[0]}"
            else:
                value = random.choice(CONTROLLED[name])
        else:
            name, value = self._searched(random, type_name, depth=0)
        chance = random.random()
        if chance < 0.1:
            value = random.choice(JUNK)
        elif chance < 0.15:
            value = damaged_text(random, value)
        elif chance < 0.17:
            name = damaged_text(random, name)
        elif chance < 0.18:
            value = ",".join(random.choices(JUNK, k=random.randint(2, 5)))
        return name, value

    def _searched(self, random: Random, type_name: str, depth: int) -> Pair:
        name, kind = random.choice(self._parameters[type_name])
        if kind == "reference" and depth < 3 and random.random() < 0.3:
            target = random.choice((*("Patient",) * 3, "Practitioner", "Encounter", "Organization"))
            inner, value = self._searched(random, target, depth + 1)
            typed = random.choice(("", f":{target}"))
            return f"{name}{typed}.{inner}", value
        if depth < 2 and random.random() < 0.05:
            other = random.choice(("Observation", "Encounter", "Condition", "Provenance"))
            inner, value = self._searched(random, other, depth + 1)
            via = random.choice(("patient", "subject", "target", "encounter"))
            return f"_has:{other}:{via}:{inner}", value
        value = self._value(random, type_name, kind)
        if random.random() < 0.2:
            modifier = random.choice(MODIFIERS[kind])
            if modifier == ":missing":
                value = random.choice(("true", "false"))
            if random.random() < 0.1:
                modifier = random.choice((":nothing", ":exact", ":of-type", ":", ".name", "::"))
            name += modifier
        return name, value

    def _value(self, random: Random, type_name: str, kind: str) -> str:
        some = []
        for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
            texts = self._texts.get(type_name)
            if texts and kind != "composite" and random.random() < 0.5:
                value = random.choice(texts)
            else:
                value = random.choice(PLAUSIBLE[kind])
            if kind in ("date", "number", "quantity"):
                value = random.choice(PREFIXES) + value
            some.append(value)
        return ",".join(some)
