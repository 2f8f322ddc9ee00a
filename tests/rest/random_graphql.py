"""Random GraphQL documents over real resources. https://hl7.org/fhir/R4/graphql.html"""

import json
from random import Random
from typing import Any
from urllib.parse import urlencode

from random_bytes import damaged_text
from random_resources import changed, text_of
from random_searches import FILTERS, JUNK

Json = Any
ARGUMENTS = (
    *(
        "_count: 1",
        "_offset: 1",
        '_count: "²"',
        "_count: -1",
        "_count: 1e400",
        '_offset: "9999999999999999999999"',
    ),
    *(
        "_count: $n",
        "_count: $missing",
        "_count: [1]",
        "_count: {a: 1}",
        "_count: null",
        "_count: EN",
    ),
    *(
        'use: "official"',
        "use: official",
        "use: [1, 2]",
        'system: "phone"',
        "fhirpath: \"use = 'official'\"",
    ),
    *(
        'fhirpath: "("',
        "fhirpath: 5",
        'fhirpath: "$this.exists()"',
        'url: "x"',
        'fhirpath: "repeat(children())"',
    ),
)
DIRECTIVES = (
    *(
        "@first",
        "@flatten",
        "@singleton",
        '@slice(fhirpath: "use")',
        '@slice(path: "$index")',
        "@slice",
    ),
    *(
        "@include(if: $yes)",
        "@skip(if: $yes)",
        "@include(if: true)",
        "@skip(if: 1)",
        "@include",
        "@nothing",
    ),
    *("@skip(if: $missing)", '@slice(path: "(")', "@first @flatten @singleton", "@slice(path: 5)"),
)
NAMES = ("", "Q", "R", "nothing")
VARIABLES: Json = {"n": 1, "yes": True, "name": "peter", "id": "p1"}


def document(random: Random, type_name: str, resource: Json, *, on_resource: bool) -> str:
    """The text of a document about resources of a type, such as the one given."""
    wild = random.choice((0.0, 0.0, 0.1, 0.3))
    if on_resource:
        fields = _fields(random, resource, 0, wild)
    else:
        some = random.choice((1, 1, 2, 3))
        fields = " ".join(_searched(random, type_name, resource, wild, n) for n in range(some))
    if random.random() < 0.3:
        spreads = (" ...f", " ... f @include(if: $yes)", " ... { __typename }")
        fields += random.choice((*spreads, " ...nothing") if wild else spreads)
    variables = "query Q($n: Int = 2, $yes: Boolean!, $id: ID, $name: String)"
    head = variables if "$" in fields or random.random() < 0.5 else ""
    if random.random() < wild:
        head = random.choice(("query ", "query Q", "query ($id: ID)", "mutation", "subscription"))
    text = f"{head} {{ {fields} }}"
    if "...f" in text or "... f" in text:
        inner = _fields(random, resource, 1, wild)
        on = type_name if on_resource else "Query"
        if random.random() < wild or not on_resource:
            inner = random.choice(("__typename", "id", "...f", "id ...g"))
            on = random.choice((on, on, "Resource", "x"))
        text += f" fragment f on {on} {{ {inner} }} fragment g on Resource {{ ...f }}"
    if random.random() < wild:
        text += " query R { __typename }"
    return damaged_text(random, text) if random.random() < wild else text


def _searched(random: Random, type_name: str, resource: Json, wild: float, number: int) -> str:
    inner = _fields(random, resource, 0, wild)
    alias = random.choice(
        (f"a{number}: ", "", "a: ", "__typename: ") if wild else (f"a{number}: ",)
    )
    match random.randrange(5):
        case 0:
            logical_id = random.choice(
                ('"p1"', '"o1"', "$id", '"nothing"', "5", '"\\u0000"', "null")
            )
            if random.random() > wild:
                logical_id = json.dumps(resource["id"])
            return f"{alias}{type_name}(id: {logical_id}) {{ {inner} }}"
        case 1:
            page = random.choice(
                ("count", "offset pagesize first previous next last", "edges { mode score }")
            )
            return (
                f"{alias}{type_name}Connection(_count: {random.choice(('1', '$n', '0', '-1'))}) "
                f"{{ {page} edges {{ resource {{ {inner} }} }} }}"
            )
    argument = random.choice(
        (
            *(
                "_count: 2",
                "name: $name",
                '_id: "p1"',
                "_sort: name",
                "_count: [1]",
                "_filter: 5",
                "x: 1",
            ),
            *(
                '_cursor: "x"',
                'date: "ge2010"',
                "active: true",
                '_lastUpdated: "²"',
                "_count: $missing",
            ),
            *(f"_filter: {json.dumps(one)}" for one in FILTERS),
        )
    )
    if random.random() > wild:
        argument = random.choice(("_count: 2", "_count: $n", "_id: $id", '_sort: "-_lastUpdated"'))
    return f"{alias}{type_name}List({argument}) {{ {inner} }}"


def _fields(random: Random, value: Json, depth: int, wild: float) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return "id"
    keys = [key for key in value if key.isidentifier() and key.isascii()] or ["id"]
    keys = random.sample(keys, k=min(len(keys), random.choice((1, 1, 2, 3))))
    chosen = []
    for number, key in enumerate(keys):
        field = random.choice(("", "", "", f"a{number}: ")) + key
        if random.random() < wild:
            field += f"({random.choice(ARGUMENTS)})"
        if random.random() < max(wild, 0.05):
            field += " " + random.choice(DIRECTIVES if wild else DIRECTIVES[:8])
        inner = value.get(key)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, dict) and depth < 6:
            more = _fields(random, inner, depth + 1, wild)
            if "reference" in inner and random.random() < 0.6:
                one = random.choice(("(optional: true)", "(optional: true)", "", "(type: Patient)"))
                more = f"resource{one} {{ ... on Patient {{ id name {{ text }} }} id }}"
            field += f" {{ {more} }}"
        elif random.random() < wild / 5:
            field += " { x }"
        chosen.append(field)
    if random.random() < wild:
        chosen.append(random.choice(("id", "__typename", "resourceType", "nothing", "... { id }")))
    return " ".join(chosen)


def posted(random: Random, text: str) -> tuple[str, bytes]:
    """A media type with a body that carries the document."""
    if random.random() < 0.3:
        return "application/graphql", text.encode(errors="surrogateescape")
    sent: Json = {"query": text}
    if random.random() < 0.6:
        sent["variables"] = VARIABLES if random.random() < 0.8 else changed(random, VARIABLES)
    if random.random() < 0.2:
        sent["operationName"] = random.choice((*NAMES, None, 5, [], {}, ["Q"], random.choice(JUNK)))
    return "application/json", text_of(changed(random, sent) if random.random() < 0.1 else sent)


def in_address(random: Random, text: str) -> str:
    """A query string that carries the document."""
    pairs = [("query", text)]
    if random.random() < 0.6:
        pairs.append(("variables", random.choice((json.dumps(VARIABLES), "[]", "5", "{", ""))))
    if random.random() < 0.2:
        pairs.append(("operationName", random.choice(NAMES)))
    return urlencode(pairs, errors="surrogateescape")
