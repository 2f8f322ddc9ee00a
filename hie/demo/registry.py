"""Registers what the district needs before it can send: institutions, clients, accounts."""

from hie.auth.accounts import create_account, find_account
from hie.auth.clients import create_client, find_client
from hie.auth.secret import hash_password
from hie.demo.credentials import Credentials
from hie.demo.institutions import H1, INSTITUTIONS
from hie.demo.personas import GUARDIANS, LOGINS
from hie.ingest.sender import register_sender
from hie.mpi.people import person_of
from hie.records.exchange import Exchange
from hie.records.representation import acting_for_me, register_guardian
from hie.store.institutions import add_institution

SCOPES = "system/*.cruds"
# The demo's hospital sends from this machine; nobody else may use its name.
HERE = ("127.0.0.0/8", "::1/128")


def client_id(institution: str) -> str:
    """The OAuth client of an institution."""
    return institution.lower()


async def register_senders(exchange: Exchange, credentials: Credentials) -> dict[str, int]:
    """Institutions and their clients; gives institution numbers by code.

    A client is written again only if its keys or addresses have changed.
    """
    numbers: dict[str, int] = {}
    async with exchange.store.database.transaction() as connection:
        for one in INSTITUTIONS:
            numbers[one.code] = (await add_institution(connection, one.code, one.name)).number
            keys = credentials.public_keys(one.code)
            known = await find_client(connection, client_id(one.code))
            if known is None or known.jwks != keys:
                await create_client(
                    connection,
                    client_id=client_id(one.code),
                    name=one.name,
                    kind="asymmetric",
                    scopes=SCOPES,
                    jwks=keys,
                    institution=numbers[one.code],
                )
            if one.channel == "hl7v2":
                await register_sender(connection, one.code, numbers[one.code], networks=HERE)
    return numbers


async def register_accounts(
    exchange: Exchange, credentials: Credentials, numbers: dict[str, int], *, anew: bool
) -> str | None:
    """Everybody's account: those that are missing, or all of them `anew` with new passwords.

    Gives the golden Patient of the first resident.
    Residents are found by what the first hospital calls them, so their records must be in.
    """
    sources = {one.login: f"{H1.lower()}-{one.person}" for one in LOGINS if one.kind == "resident"}
    async with exchange.store.database.transaction() as connection:
        people = await person_of(connection, list(sources.values()))
        for login in LOGINS:
            if not anew and await find_account(connection, login.login):
                continue
            patient = people.get(sources[login.login]) if login.login in sources else None
            if login.kind == "resident" and patient is None:
                continue  # a district so small that this resident is not in it
            await create_account(
                connection,
                login=login.login,
                password_hash=hash_password(credentials.passwords[login.login]),
                kind=login.kind,
                display_name=login.name,
                patient=patient,
                fhir_user=None if patient else f"Practitioner/{login.person}",
                institution=None if login.institution is None else numbers[login.institution],
                roles=login.roles,
            )
        first = await find_account(connection, LOGINS[0].login)
    await _register_guardians(exchange)
    return first.patient if first else None


async def _register_guardians(exchange: Exchange) -> None:
    """What the community station's counter has registered: parents of the stories' children."""
    sources = {key: f"{H1.lower()}-{key}" for pair in GUARDIANS for key in pair}
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, list(sources.values()))
    for child, guardian in GUARDIANS:
        person, parent = people.get(sources[child]), people.get(sources[guardian])
        if person is None or parent is None or await acting_for_me(exchange, person):
            continue
        await register_guardian(
            exchange, child=person, guardian=parent, basis="出生医学证明", by="demo"
        )
