"""For whom the resident acts, and who acts for the resident. The app is started anew for the other.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from urllib.parse import urlencode

from starlette.responses import Response

from hie.auth.tokens import Grant, introspect
from hie.errors import Text
from hie.records.exchange import Exchange
from hie.records.representation import acting_for, acting_for_me, end_for_me, launch_for
from hie.web import overview
from hie.web.page import redirect
from hie.web.signed_in import Reader

HOME = "/resident/family"
KINDS = {"guardian": Text("guardian", "监护人"), "proxy": Text("proxy", "代理人")}
ACTIONS = {
    "read": Text("read", "查阅"),
    "consent": Text("decide who may see", "管理授权"),
    "contribute": Text("add measurements and notes", "填报"),
}


def _exchange(reader: Reader) -> Exchange:
    exchange: Exchange = reader.request.app.state.exchange
    return exchange


async def _grant(reader: Reader) -> Grant | None:
    token = str(reader.session.content["token"]["access_token"])
    async with _exchange(reader).store.database.connection() as connection:
        return await introspect(connection, token)


async def page(reader: Reader) -> Response:
    """Both lists; they are about the person who signed in, whoever is being shown."""
    exchange, own = _exchange(reader), reader.own
    content = {
        "tab": "about",
        "subject": await overview.subject(reader.fhir, reader.patient),
        "acting_for": await acting_for(exchange, own),
        "for_me": await acting_for_me(exchange, own),
        "kinds": KINDS,
        "actions": ACTIONS,
    }
    return reader.page("resident/family.html", content)


async def open_other(reader: Reader) -> Response:
    """Start the portal anew for somebody for whom the resident may act."""
    person = str((await reader.request.form()).get("person", ""))
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
    """End a representation that the resident is a party to."""
    number = str((await reader.request.form()).get("number", ""))
    if number.isascii() and number.isdigit() and len(number) < 19:
        await end_for_me(_exchange(reader), reader.own, int(number))
    return redirect(HOME)
