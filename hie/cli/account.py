"""`hie account …`: who can sign in, for the operator on the server's own machine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import pyotp
import typer
from rich.console import Console
from rich.table import Table

from hie.auth.accounts import all_accounts, change_roles, create_account, disable_account
from hie.auth.enrolment import otpauth_address
from hie.auth.roles import ROLES
from hie.auth.sealed import open_seals
from hie.auth.second_factor import give_second_factor
from hie.auth.secret import hash_password, new_secret
from hie.kit import migrations, postgres
from hie.kit.db import Connection, Database
from hie.kit.secret_key import SecretKeyError
from hie.settings import settings
from hie.store.institutions import institution_by_code

application = typer.Typer(help="People who can sign in.", no_args_is_help=True)
console = Console()

Result = TypeVar("Result")
Login = Annotated[str, typer.Argument(help="The name the person signs in with.")]


def run(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Do this in one transaction on the upgraded database."""
    address = postgres.conninfo(settings())
    migrations.upgrade(address)

    async def connected() -> Result:
        async with Database(address, size=1) as database, database.transaction() as connection:
            await open_seals(connection, settings())
            return await work(connection)

    try:
        return asyncio.run(connected())
    except SecretKeyError as error:
        raise refuse(str(error)) from error


def refuse(message: str) -> typer.Exit:
    """Say why not, on standard error."""
    Console(stderr=True).print(message)
    return typer.Exit(1)


@application.command()
def add(
    login: Login,
    name: Annotated[str, typer.Option(help="The person's name as pages show it.")],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(sorted(ROLES))}.")],
    institution: Annotated[str, typer.Option(help="Code of the institution.")],
    practitioner: Annotated[str, typer.Option(help="Id of the person's Practitioner.")],
) -> None:
    """Add a member of staff, and print the first password and the second factor's secret once."""
    password, secret = new_secret()[:20], pyotp.random_base32()

    async def work(connection: Connection) -> bool:
        found = await institution_by_code(connection, institution)
        if found is None:
            return False
        if any(one.login == login for one in await all_accounts(connection)):
            raise ValueError(f"There is an account {login} already.")
        await create_account(
            connection,
            login=login,
            password_hash=hash_password(password),
            kind="staff",
            display_name=name,
            fhir_user=f"Practitioner/{practitioner}",
            institution=found.number,
            roles=[role],
        )
        await give_second_factor(connection, settings(), login, secret)
        return True

    try:
        known = run(work)
    except ValueError as error:
        raise refuse(str(error)) from error
    if not known:
        raise refuse(f"There is no institution {institution}.")
    console.print(f"password: {password}", soft_wrap=True)
    console.print(f"second factor: {otpauth_address(secret, login)}", soft_wrap=True)


@application.command()
def disable(login: Login) -> None:
    """Refuse the person from now on; sessions, approvals and tokens end."""
    if not run(lambda connection: disable_account(connection, login)):
        raise refuse(f"There is no account {login}.")
    console.print(f"{login} can no longer sign in.")


@application.command()
def role(
    login: Login,
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(sorted(ROLES))}.")],
) -> None:
    """Give a member of staff another role; what the old one had opened ends."""
    try:
        known = run(lambda connection: change_roles(connection, login, [name]))
    except ValueError as error:
        raise refuse(str(error)) from error
    if not known:
        raise refuse(f"There is no member of staff {login}.")
    console.print(f"{login} is {name} now and has to sign in again.")


@application.command(name="list")
def show() -> None:
    """List every account."""
    table = Table("login", "kind", "name", "role", "institution", "second factor", "state")
    for one in run(all_accounts):
        state = "disabled" if one.disabled else "locked" if one.locked else "active"
        table.add_row(
            one.login,
            one.kind,
            one.display_name,
            ", ".join(one.roles),
            "" if one.institution is None else str(one.institution),
            "yes" if one.second_factor else "no",
            state,
        )
    console.print(table)
