"""Roles of staff: one person, one role; tokens carry it, and a change counts at once."""

import pytest
from auth_flow import App

from hie.auth.accounts import create_account
from hie.auth.roles import ROLES, check_roles
from hie.auth.tokens import introspect
from hie.kit.db import Database


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_may_be_held_alone(role: str) -> None:
    check_roles([role])


@pytest.mark.parametrize(
    "roles", [["administrator", "auditor"], ["clinician", "steward"], ["boss"]]
)
def test_roles_that_may_not_be_held(roles: list[str]) -> None:
    with pytest.raises(ValueError, match="role"):
        check_roles(roles)


async def test_residents_have_no_roles(populated: Database) -> None:
    async with populated.connection() as conn:
        with pytest.raises(ValueError, match="residents"):
            await create_account(
                conn, login="x", password_hash="", kind="resident", display_name="x",
                patient="p", roles=["auditor"],
            )  # fmt: skip


async def test_a_token_carries_the_roles_of_its_account(app: App, populated: Database) -> None:
    token = (await app.tokens("doctor", "user/*.rs"))["access_token"]
    async with populated.connection() as conn:
        grant = await introspect(conn, token)
    assert grant is not None
    assert grant.roles == {"clinician"}
