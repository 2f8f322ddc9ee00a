"""For whom the resident acts, who acts for the resident, and inviting somebody to.

The app is started anew for the other person:
https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from asyncio import gather
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from hie.access.representation import ACTIONS as KNOWN_ACTIONS
from hie.access.representation import LONGEST_PROXY
from hie.auth.tokens import Grant, introspect
from hie.errors import Text
from hie.records.exchange import Exchange
from hie.records.representation import launch_for
from hie.web import overview
from hie.web.fhir_client import Refused
from hie.web.language import language_of
from hie.web.page import redirect
from hie.web.record.coded import Resource
from hie.web.record.moment import CHINA, Moment, parse
from hie.web.record.outcome import messages
from hie.web.record.parameters import named, value, values
from hie.web.signed_in import Reader

HOME = "/resident/family"
KINDS = {"guardian": Text("guardian", "监护人"), "proxy": Text("proxy", "代理人")}
ACTIONS = {
    "read": Text("read", "查阅"),
    "consent": Text("decide who may see", "管理授权"),
    "contribute": Text("add measurements and notes", "填报"),
}
USUAL = timedelta(days=180)
TAKEN_BACK = (400, 403, 404, 422)
"""What the exchange refuses of a form is shown beside it."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who acts, for whom is acted, or who is invited."""

    number: int
    person: str
    name: str
    kind: str
    actions: tuple[str, ...]
    until: str
    expires: Moment
    inviter: str
    code: str


def _last_day(until: str) -> str:
    """The last day of something that ends then: what ends at midnight has ended the day before."""
    last = datetime.fromisoformat(until) - timedelta(seconds=1)
    return last.astimezone(CHINA).date().isoformat()


def _party(one: Resource) -> Party:
    return Party(
        value(one, "number", 0),
        str(value(one, "person", {}).get("reference", "")).removeprefix("Patient/"),
        str(value(one, "name", "")),
        str(value(one, "kind", "proxy")),
        tuple(values(one, "action")),
        _last_day(str(value(one, "until"))),
        parse(value(one, "expires")),
        str(value(one, "inviter", "")),
        str(value(one, "code", "")),
    )


def _parties(answer: Resource, name: str) -> list[Party]:
    return [_party(one) for one in named(answer, name)]


def _sent(**texts: str) -> Resource:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": text} for name, text in texts.items()],
    }


def _exchange(reader: Reader) -> Exchange:
    exchange: Exchange = reader.request.app.state.exchange
    return exchange


async def _grant(reader: Reader) -> Grant | None:
    token = str(reader.session.content["token"]["access_token"])
    async with _exchange(reader).store.database.connection() as connection:
        return await introspect(connection, token)


async def _form(reader: Reader, name: str) -> str:
    return (await reader.form()).get(name, "").strip()


async def _page(reader: Reader, status: int = 200, **more: Any) -> Response:
    """Both lists; they are about the person who signed in, whoever is being shown."""
    subject, found = await gather(
        overview.subject(reader.fhir, reader.patient),
        reader.fhir.read("Patient", "$representatives"),
    )
    today = datetime.now(CHINA).date()
    content = {
        "tab": "family",
        "subject": subject,
        "acting_for": _parties(found, "acting-for"),
        "for_me": _parties(found, "for-me"),
        "invited": _parties(found, "invitation"),
        "kinds": KINDS,
        "actions": ACTIONS,
        "days": (today.isoformat(), (today + USUAL).isoformat(),
                 (today + LONGEST_PROXY - timedelta(days=2)).isoformat()),
        "made": None,
        "offered": None,
        "said": [],
        "form": "",
        **more,
    }  # fmt: skip
    return reader.page("resident/family.html", content, status)


async def _refused(reader: Reader, refused: Refused, form: str) -> Response:
    if refused.status not in TAKEN_BACK:
        raise refused
    said = messages(refused.outcome, language_of(reader.request))
    return await _page(reader, refused.status, said=said, form=form)


async def page(reader: Reader) -> Response:
    """Who acts for whom, and the forms."""
    return await _page(reader)


async def invite(reader: Reader) -> Response:
    """Make an invitation; its code is shown this once."""
    form = await reader.form()
    sent = _sent(name=form.get("name", ""), until=form.get("until", ""))
    sent["parameter"] += [
        {"name": "action", "valueCode": action}
        for action in form.getlist("action")
        if action in KNOWN_ACTIONS
    ]
    try:
        answer = await reader.fhir.operation("Patient/$invite-proxy", sent)
    except Refused as refused:
        return await _refused(reader, refused, "invite")
    return await _page(reader, made=_parties(answer, "invitation")[0])


async def look(reader: Reader) -> Response:
    """What a code stands for; accepting it is a button beneath."""
    code = await _form(reader, "code")
    try:
        answer = await reader.fhir.operation("Patient/$proxy-invitation", _sent(code=code))
    except Refused as refused:
        return await _refused(reader, refused, "accept")
    return await _page(reader, offered=_parties(answer, "invitation")[0], code=code)


async def accept(reader: Reader) -> Response:
    """Act for the inviter from now on."""
    try:
        await reader.fhir.operation(
            "Patient/$accept-proxy", _sent(code=await _form(reader, "code"))
        )
    except Refused as refused:
        return await _refused(reader, refused, "accept")
    return redirect(HOME)


async def open_other(reader: Reader) -> Response:
    """Start the portal anew for somebody for whom the resident may act."""
    person = await _form(reader, "person")
    grant = await _grant(reader)
    launch = None
    if grant is not None and grant.account is not None:
        launch = await launch_for(
            _exchange(reader),
            client_id=reader.portal.client_id,
            account=grant.account,
            resident=reader.own,
            person=person,
        )
    if launch is None:
        return redirect(HOME)
    return redirect(f"/resident/login?{urlencode({'launch': launch, 'to': '/resident'})}")


async def end(reader: Reader) -> Response:
    """End a representation that the resident is a party to, or withdraw an invitation."""
    form = await reader.form()
    name = "invitation" if form.get("invitation") else "number"
    number = form.get(name, "")
    if number.isascii() and number.isdigit() and len(number) < 10:
        sent = {"name": name, "valueInteger": int(number)}
        try:
            await reader.fhir.operation(
                "Patient/$end-representation",
                {"resourceType": "Parameters", "parameter": [sent]},
            )
        except Refused as refused:
            if refused.status != 404:  # ended by the other side in the meantime
                raise
    return redirect(HOME)
