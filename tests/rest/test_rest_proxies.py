"""Residents appoint and end proxies themselves: by an invitation, for a time, for some actions."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from test_rest_consent import consent
from tests_rest_samples import observation, patient

from hie.access.invitation import MOST_FAILURES, MOST_OPEN
from hie.fhir.validation import validate
from hie.kit.clock import now
from hie.mpi.people import person_of

SCOPES = "patient/*.rs patient/Consent.cruds patient/Observation.cruds"
NAMES = {"mother": "张小华", "son": "张伟", "other": "王芳", "minor": "李明"}
BORN = {"mother": "1950-02-03", "son": "1980-05-06", "other": "1985-01-01", "minor": "2012-01-01"}


def day(days: int) -> str:
    return (now() + timedelta(days=days)).date().isoformat()


def parameters(**values: Any) -> bytes:
    """Texts, numbers, and lists of codes."""
    given: list[dict[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, list):
            given += [{"name": name, "valueCode": one} for one in value]
        else:
            kind = "valueInteger" if isinstance(value, int) else "valueString"
            given.append({"name": name, kind: value})
    return orjson.dumps({"resourceType": "Parameters", "parameter": given})


def part(answer: httpx.Response, name: str, at: int = 0) -> Any:
    """A value of the parameter at this place."""
    assert answer.status_code == 200, answer.text
    for one in answer.json()["parameter"][at]["part"]:
        if one["name"] == name:
            return next(v for k, v in one.items() if k != "name")
    raise KeyError(name)


def listed(answer: httpx.Response, name: str) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json().get("parameter", []) if one["name"] == name]


@dataclass
class Family:
    exchange: Any
    client: Any
    people: dict[str, str]

    async def app(self, who: str, of: str | None = None, scopes: str = SCOPES) -> httpx.AsyncClient:
        """The app of `who`, on the record of `of`."""
        made: httpx.AsyncClient = await self.client(
            "resident",
            scopes=scopes,
            patient=self.people[of or who],
            fhir_user=f"Patient/{self.people[who]}",
        )
        return made

    async def code(self, who: str = "mother", **changes: Any) -> str:
        asked = {"name": NAMES["son"], "action": ["read"], "until": day(30), **changes}
        made = await (await self.app(who)).post(
            "/Patient/$invite-proxy", content=parameters(**asked)
        )
        return str(part(made, "code"))

    async def accept(self, code: str, who: str = "son") -> httpx.Response:
        app = await self.app(who)
        return await app.post("/Patient/$accept-proxy", content=parameters(code=code))

    async def appoint(self, *actions: str) -> None:
        accepted = await self.accept(await self.code(action=list(actions)))
        assert accepted.status_code == 200, accepted.text


@pytest.fixture
async def family(client, exchange) -> Family:
    sender = await client("institution", institution="A")
    for number, (id_, name) in enumerate(NAMES.items()):
        resource = orjson.loads(patient(id_, name, number=str(number)))
        resource["birthDate"] = BORN[id_]
        await sender.put(f"/Patient/{id_}", content=orjson.dumps(resource))
        result = orjson.loads(observation(f"Patient/{id_}")) | {"id": f"o-{id_}"}
        await sender.put(f"/Observation/o-{id_}", content=orjson.dumps(result))
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, list(NAMES))
    assert len(set(people.values())) == len(NAMES)
    return Family(exchange, client, people)


async def test_an_invitation_is_looked_at_accepted_and_seen_by_both(family: Family) -> None:
    code = await family.code(action=["read", "contribute"])
    son, mother = await family.app("son"), await family.app("mother")
    looked = await son.post("/Patient/$proxy-invitation", content=parameters(code=code.lower()))
    assert part(looked, "inviter") == NAMES["mother"]
    assert (
        await (await family.app("son", "mother")).get("/Observation/o-mother")
    ).status_code == 404
    assert (await family.accept(code)).status_code == 200
    assert (await family.accept(code)).status_code == 404, "a code works once"
    acting = await family.app("son", "mother")
    assert (await acting.get("/Observation/o-mother")).status_code == 200
    weight = observation(f"Patient/{family.people['mother']}")
    assert (await acting.post("/Observation", content=weight)).status_code == 201
    for app, name in ((mother, "for-me"), (son, "acting-for"), (acting, "acting-for")):
        (one,) = listed(await app.get("/Patient/$representatives"), name)
        found = {p["name"]: next(v for k, v in p.items() if k != "name") for p in one["part"]}
        assert found["kind"] == "proxy"
        assert validate(found["consent"]) == []
        provision = found["consent"]["provision"]
        assert found["consent"]["patient"]["reference"] == f"Patient/{family.people['mother']}"
        reference = provision["actor"][0]["reference"]["reference"]
        assert reference == f"Patient/{family.people['son']}"
        actions = {action["coding"][0]["code"] for action in provision["action"]}
        assert actions == {"access", "collect"}
        assert provision["period"]["end"] == found["until"]


@pytest.mark.parametrize(
    ("actions", "reads", "decides", "contributes"),
    [
        (["read"], 200, 403, 403),
        (["read", "consent"], 200, 201, 403),
        (["contribute"], 404, 403, 201),
    ],
)
async def test_a_proxy_does_no_more_than_was_allowed(
    family: Family, actions: list[str], reads: int, decides: int, contributes: int
) -> None:
    await family.appoint(*actions)
    acting = await family.app("son", "mother")
    assert (await acting.get("/Observation/o-mother")).status_code == reads
    hiding = orjson.dumps(consent(family.people["mother"], {"type": "deny"}))
    assert (await acting.post("/Consent", content=hiding)).status_code == decides
    weight = observation(f"Patient/{family.people['mother']}")
    assert (await acting.post("/Observation", content=weight)).status_code == contributes
    looked = 200 if decides == 201 else 403
    assert (await acting.get("/AuditEvent")).status_code == looked
    # A proxy appoints nobody for the person: what is invited to is the proxy's own record.
    asked = parameters(name=NAMES["other"], action=["read"], until=day(9))
    made = await acting.post("/Patient/$invite-proxy", content=asked)
    assert (await family.accept(part(made, "code"), "other")).status_code == 200
    third = await family.app("other", "mother")
    assert (await third.get("/Observation/o-mother")).status_code == 404


async def test_nothing_is_left_after_the_last_day(family: Family) -> None:
    await family.appoint("read", "contribute")
    acting = await family.app("son", "mother")
    assert (await acting.get("/Observation/o-mother")).status_code == 200
    async with family.exchange.store.database.transaction() as connection:
        await connection.execute("UPDATE access.representative SET until = now()")
    assert (await acting.get("/Observation/o-mother")).status_code == 404
    weight = observation(f"Patient/{family.people['mother']}")
    assert (await acting.post("/Observation", content=weight)).status_code == 403
    assert (
        listed(await (await family.app("mother")).get("/Patient/$representatives"), "for-me") == []
    )


@pytest.mark.parametrize("who", ["mother", "son"])
async def test_either_side_ends_it_and_nobody_else(family: Family, who: str) -> None:
    await family.appoint("read")
    acting = await family.app("son", "mother")
    (one,) = listed(await (await family.app("mother")).get("/Patient/$representatives"), "for-me")
    number = next(p["valueInteger"] for p in one["part"] if p["name"] == "number")
    ending = parameters(number=number)
    stranger = await (await family.app("other")).post(
        "/Patient/$end-representation", content=ending
    )
    assert stranger.status_code == 404
    assert (await acting.get("/Observation/o-mother")).status_code == 200
    ended = await (await family.app(who)).post("/Patient/$end-representation", content=ending)
    assert ended.status_code == 200, ended.text
    assert (await acting.get("/Observation/o-mother")).status_code == 404
    again = await (await family.app(who)).post("/Patient/$end-representation", content=ending)
    assert again.status_code == 404


async def test_a_code_is_for_one_name_and_gone_after_five_others(family: Family) -> None:
    code = await family.code()
    for _ in range(MOST_FAILURES):
        assert (await family.accept(code, "other")).status_code == 404
    assert (await family.accept(code)).status_code == 404
    assert (await family.accept(await family.code(), "mother")).status_code == 404, "not oneself"
    assert (await family.accept("AAAA-BBBB-CCCC")).status_code == 404


async def test_an_invitation_ends_by_itself_or_by_the_inviter(family: Family) -> None:
    code = await family.code()
    mother = await family.app("mother")
    (one,) = listed(await mother.get("/Patient/$representatives"), "invitation")
    number = next(p["valueInteger"] for p in one["part"] if p["name"] == "number")
    assert code not in str(one), "the code is shown once"
    withdrawing = parameters(invitation=number)
    other = await family.app("other")
    refused = await other.post("/Patient/$end-representation", content=withdrawing)
    assert refused.status_code == 404
    done = await mother.post("/Patient/$end-representation", content=withdrawing)
    assert done.status_code == 200
    assert (await family.accept(code)).status_code == 404
    late = await family.code()
    async with family.exchange.store.database.transaction() as connection:
        await connection.execute("UPDATE access.invitation SET expires = now()")
    assert (await family.accept(late)).status_code == 404


async def test_what_cannot_be_allowed(family: Family) -> None:
    mother = await family.app("mother")
    good: dict[str, Any] = {"name": NAMES["son"], "action": ["read"], "until": day(9)}
    for changes in (
        {"until": day(-2)},
        {"until": day(800)},
        {"until": "soon"},
        {"until": "9999-12-31"},
        {"action": []},
        {"action": ["everything"]},
        {"name": " "},
        {"name": "x" * 101},
    ):
        sent = parameters(**{**good, **changes})
        refused = await mother.post("/Patient/$invite-proxy", content=sent)
        assert refused.status_code == 422, changes
    for _ in range(MOST_OPEN):
        made = await mother.post("/Patient/$invite-proxy", content=parameters(**good))
        assert made.status_code == 200
    too_many = await mother.post("/Patient/$invite-proxy", content=parameters(**good))
    assert too_many.status_code == 422


async def test_nobody_under_18_appoints_or_is_appointed(family: Family) -> None:
    minor = await family.app("minor")
    asked = parameters(name=NAMES["son"], action=["read"], until=day(9))
    assert (await minor.post("/Patient/$invite-proxy", content=asked)).status_code == 403
    code = await family.code(name=NAMES["minor"])
    assert (await family.accept(code, "minor")).status_code == 403
    assert (await family.accept(await family.code(), "son")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "scopes"),
    [("staff", "user/*.rs"), ("institution", "system/*.cruds"), ("resident", "patient/*.rs")],
)
async def test_only_residents_with_the_scope_decide(family: Family, kind: str, scopes: str) -> None:
    more: dict[str, Any] = {"institution": "A"} if kind != "resident" else {}
    if kind == "resident":
        more["patient"] = family.people["mother"]
    app = await family.client(kind, scopes=scopes, **more)
    asked = parameters(name=NAMES["son"], action=["read"], until=day(9))
    assert (await app.post("/Patient/$invite-proxy", content=asked)).status_code == 403
    for path in ("$proxy-invitation", "$accept-proxy"):
        assert (await app.post(f"/Patient/{path}", content=parameters(code="x"))).status_code == 403
    ending = parameters(number=1)
    assert (await app.post("/Patient/$end-representation", content=ending)).status_code == 403
    reading = await app.get("/Patient/$representatives")
    assert reading.status_code == (200 if kind == "resident" else 403)
    anybody = await family.client()
    assert (await anybody.get("/Patient/$representatives")).status_code == 401


async def test_the_person_sees_who_was_invited_and_what_the_proxy_did(family: Family) -> None:
    await family.appoint("read")
    acting = await family.app("son", "mother")
    await acting.get("/Observation/o-mother")
    mother = await family.app("mother")
    son = f"agent=Patient/{family.people['son']}"
    log = (await mother.get(f"/AuditEvent?{son}&_count=50")).json()
    said = [entry["resource"]["subtype"][0] for entry in log["entry"]]
    codes = {one.get("display", one.get("code", "")).removeprefix("$") for one in said}
    assert {"accept-proxy", "read"} <= codes
    assert "invite-proxy" not in codes
    everything = (await mother.get("/AuditEvent?_count=50")).text
    assert "invite-proxy" in everything
    sons_own = (await (await family.app("son")).get("/AuditEvent?_count=50")).text
    assert "o-mother" not in sons_own
