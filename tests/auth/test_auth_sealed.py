"""Secrets at rest: unreadable in the database, bound to their row, sealed at the first start, one key."""

import asyncio
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy.exc import DatabaseError

from hie.auth.accounts import create_account
from hie.auth.keys import current_key, rotate_key
from hie.auth.sealed import (
    SIGNING_KEY,
    TOTP,
    open_seals,
    seal,
    seal_anew,
    sealing_key_fits,
    unseal,
)
from hie.auth.second_factor import give_second_factor
from hie.kit import migrations, secret_key
from hie.kit.db import Database
from hie.kit.secret_key import SecretKeyError
from hie.settings import Settings

SEED = "JBSWY3DPEHPK3PXP"


def installation(directory: Path, **more: Path) -> Settings:
    return Settings(data_directory=directory, secret_key_file=more.get("named"))


def downgrade(conninfo: str) -> None:
    with migrations._connected(conninfo) as connection:
        configuration = migrations._configuration()
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0025_search_place")
        connection.commit()


async def test_the_database_holds_no_secret_that_can_be_read(populated: Database) -> None:
    async with populated.connection() as conn:
        await give_second_factor(conn, Settings(), "doctor", SEED)
        await rotate_key(conn, Settings())
        cursor = await conn.execute("SELECT a::text FROM auth.account a WHERE login = 'doctor'")
        account = str(await cursor.fetchone())
        cursor = await conn.execute("SELECT private_jwk FROM auth.signing_key")
        row = await cursor.fetchone()
    assert SEED not in account
    assert SEED.encode().hex() not in account
    assert row is not None
    assert b'"d"' not in row[0]
    assert b"RSA" not in row[0]


def test_a_sealed_value_opens_in_its_own_row_only(tmp_path: Path) -> None:
    settings = installation(tmp_path)
    kept = seal(settings, TOTP, "doctor", SEED.encode())
    assert kept != seal(settings, TOTP, "doctor", SEED.encode()), "each has its own nonce"
    assert unseal(settings, TOTP, "doctor", kept) == SEED.encode()
    altered = kept[:-1] + bytes([kept[-1] ^ 1])
    for column, row, value in (
        (TOTP, "nurse", kept),
        (SIGNING_KEY, "doctor", kept),
        (TOTP, "doctor", altered),
        (TOTP, "doctor", b"\x00" + SEED.encode()),
        (TOTP, "doctor", b""),
    ):
        with pytest.raises(SecretKeyError):
            unseal(settings, column, row, value)


async def test_another_key_is_refused_before_anything_is_written(
    populated: Database, tmp_path: Path
) -> None:
    right, wrong = installation(tmp_path / "right"), installation(tmp_path / "wrong")
    async with populated.connection() as conn:
        await open_seals(conn, right)
        await open_seals(conn, right)
        kid, _ = await current_key(conn, right)
        with pytest.raises(SecretKeyError, match="与此数据库不符"):
            await open_seals(conn, wrong)
        assert await sealing_key_fits(conn, right)
        assert not await sealing_key_fits(conn, wrong)
        with pytest.raises(SecretKeyError, match="not the one that this database was sealed with"):
            await current_key(conn, wrong)
        assert (await current_key(conn, right))[0] == kid


def test_what_was_there_before_is_sealed_at_the_first_start(conninfo: str, tmp_path: Path) -> None:
    settings = installation(tmp_path)
    downgrade(conninfo)
    jwk = '{"kty": "oct", "k": "c2VjcmV0"}'
    with psycopg.connect(conninfo) as plain:
        plain.execute(
            "INSERT INTO auth.account (login, kind, password_hash, display_name, fhir_user, "
            "institution, totp_secret) VALUES ('old', 'staff', 'x', 'x', 'Practitioner/x', 1, %s)",
            (SEED,),
        )
        plain.execute(
            "INSERT INTO auth.signing_key (kid, algorithm, private_jwk) VALUES ('k', 'RS256', %s)",
            (jwk,),
        )
    migrations.upgrade(conninfo)

    async def start() -> tuple[bytes, bytes]:
        async with Database(conninfo, size=1) as database, database.connection() as conn:
            await open_seals(conn, settings)
            cursor = await conn.execute(
                "SELECT totp_secret, private_jwk FROM auth.account, auth.signing_key"
            )
            row = await cursor.fetchone()
        assert row is not None
        return bytes(row[0]), bytes(row[1])

    seed, key = asyncio.run(start())
    assert SEED.encode() not in seed
    assert unseal(settings, TOTP, "old", seed) == SEED.encode()
    assert json.loads(unseal(settings, SIGNING_KEY, "k", key)) == json.loads(jwk)
    with pytest.raises(DatabaseError, match="cannot become readable again"):
        downgrade(conninfo)


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    path = directory / secret_key.FILE_NAME
    with ThreadPoolExecutor(8) as threads:
        for making in [threads.submit(secret_key._make, path) for _ in range(16)]:
            making.result()
    assert [one.name for one in directory.iterdir()] == [secret_key.FILE_NAME]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    secret_key._make(path)
    assert path.read_bytes() == before, "the first one's key stays"
    assert len(secret_key.secret_key(installation(directory))) == secret_key.KEY_BYTES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_made_by_root_belongs_to_the_directorys_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    secret_key._make(tmp_path / "key")
    assert (tmp_path / "key").stat().st_uid == 65534


@pytest.mark.parametrize("content", [None, b"", b"c2hvcnQ=", b"not base64 at all!", b"\xff\xfe"])
def test_a_named_file_has_to_hold_a_key(tmp_path: Path, content: bytes | None) -> None:
    named = tmp_path / "named"
    if content is not None:
        named.write_bytes(content)
    with pytest.raises(SecretKeyError, match="密钥"):
        secret_key.secret_key(installation(tmp_path, named=named))
    assert named.exists() == (content is not None), "a name that is mistyped makes no new key"


async def test_replacing_an_account_forgets_its_second_factor(populated: Database) -> None:
    async with populated.connection() as conn:
        await give_second_factor(conn, Settings(), "doctor", SEED)
        await create_account(
            conn, login="doctor", password_hash="x", kind="staff", display_name="x",
            fhir_user="Practitioner/x", institution=1,
        )  # fmt: skip
        cursor = await conn.execute("SELECT totp_secret FROM auth.account WHERE login = 'doctor'")
        assert await cursor.fetchone() == (None,)


async def test_with_another_key_everything_opens_before_and_after(
    populated: Database, tmp_path: Path
) -> None:
    settings = installation(tmp_path)
    async with populated.connection() as conn:
        await open_seals(conn, settings)
        await give_second_factor(conn, settings, "doctor", SEED)
        kid, _ = await current_key(conn, settings)
        (old,) = secret_key.secret_keys(settings)
        new = secret_key.new_key()

        secret_key.replace_keys(settings, [new, old])
        assert secret_key.secret_key(settings) == new, "a running process sees the change"
        await open_seals(conn, settings)
        assert await sealing_key_fits(conn, settings)
        assert (await current_key(conn, settings))[0] == kid, "old seals open"
        kept = seal(settings, TOTP, "nurse", SEED.encode())

        secret_key.replace_keys(settings, [old, new])
        assert unseal(settings, TOTP, "nurse", kept) == SEED.encode(), "and new ones elsewhere"
        secret_key.replace_keys(settings, [new, old])

        assert await seal_anew(conn, settings) == 2
        assert await seal_anew(conn, settings) == 0
        secret_key.replace_keys(settings, [new])
        await open_seals(conn, settings)
        assert (await current_key(conn, settings))[0] == kid
        cursor = await conn.execute("SELECT totp_secret FROM auth.account WHERE login = 'doctor'")
        row = await cursor.fetchone()
        assert row is not None
        assert unseal(settings, TOTP, "doctor", row[0]) == SEED.encode()
        secret_key.replace_keys(settings, [old])
        assert not await sealing_key_fits(conn, settings), "the old key opens nothing any more"
    path = tmp_path / secret_key.FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_no_key_opens_stops_the_sealing_anew(
    populated: Database, tmp_path: Path
) -> None:
    settings = installation(tmp_path)
    async with populated.connection() as conn:
        await open_seals(conn, settings)
        (old,) = secret_key.secret_keys(settings)
        await give_second_factor(conn, settings, "doctor", SEED)
        await current_key(conn, settings)
        stray = seal(settings, TOTP, "somebody else", b"x")
        change = "UPDATE auth.account SET totp_secret = %s WHERE login = 'doctor'"
        await conn.execute(change, (stray,))
        secret_key.replace_keys(settings, [secret_key.new_key(), old])
        with pytest.raises(SecretKeyError):
            await seal_anew(conn, settings)
        secret_key.replace_keys(settings, [old])
        await current_key(conn, settings)
        assert await sealing_key_fits(conn, settings), "nothing was changed"
