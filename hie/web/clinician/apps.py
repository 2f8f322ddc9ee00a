"""Starting an app on the patient whose record is open: SMART's EHR launch.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from urllib.parse import urlencode, urlsplit

from starlette.responses import Response

from hie.auth.clients import Client, clients
from hie.auth.launch import begin_launch
from hie.auth.tokens import introspect
from hie.records.exchange import Exchange
from hie.web.clinician.opening import Opening
from hie.web.page import redirect, render
from hie.web.signed_in import Reader


def _for_staff(client: Client) -> bool:
    return bool(client.launch_uri) and "staff" in client.account_kinds


async def startable(reader: Reader) -> list[Client]:
    """The approved apps that can be started on a patient."""
    exchange: Exchange = reader.request.app.state.exchange
    async with exchange.store.database.connection() as connection:
        return [one for one in await clients(connection, status="active") if _for_staff(one)]


async def start(reader: Reader, opening: Opening) -> Response:
    """Send the browser to the app with a launch value that is good for this clinician and patient."""
    exchange: Exchange = reader.request.app.state.exchange
    # A link of another site must not start anything: a GET, because a form may not lead elsewhere.
    if reader.request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return render(reader.request, "forbidden.html", {"portal": reader.portal}, 403)
    wanted = reader.request.path_params["client"]
    client = next((one for one in await startable(reader) if one.id == wanted), None)
    database = exchange.store.database
    grant = await introspect(database, reader.session.content["token"]["access_token"])
    if client is None or client.launch_uri is None or grant is None or grant.account is None:
        return render(reader.request, "missing.html", {}, 404)
    async with database.connection() as connection:
        launch = await begin_launch(
            connection,
            client_id=client.id,
            account=grant.account,
            patient=opening.patient,
            parameters={"need_patient_banner": True},
        )
    query = urlencode({"iss": exchange.settings.fhir_base, "launch": launch})
    joined = "&" if urlsplit(client.launch_uri).query else "?"
    return redirect(f"{client.launch_uri}{joined}{query}")
