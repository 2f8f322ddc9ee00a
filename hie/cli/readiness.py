"""What stands between an installation and real people's records: one function for each question.

Each gives its findings; an installation with a finding that is a problem is not called ready.
https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html
"""

import ipaddress
import os
import stat
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from hie.auth.sealed import sealing_key_fits
from hie.demo.personas import LOGINS
from hie.errors import Text
from hie.kit import postgres
from hie.kit.db import Connection
from hie.kit.migrations import Status
from hie.kit.secret_key import SecretKeyError, secret_key_file, secret_keys
from hie.settings import Settings

WEAK_PASSWORDS = frozenset({"", "hie", "postgres", "password", "admin", "secret", "changeme"})

STAFF_WITHOUT_SECOND_FACTOR = """
SELECT count(*) FROM auth.account WHERE kind = 'staff' AND NOT disabled AND totp_secret IS NULL
"""
DEMO_ACCOUNTS = "SELECT login FROM auth.account WHERE login = ANY(%s) AND NOT disabled ORDER BY 1"
MISSING_ROLES = """
SELECT needed FROM unnest(ARRAY['administrator', 'security-officer', 'auditor', 'reviewer']) needed
WHERE NOT EXISTS (SELECT FROM auth.account WHERE needed = ANY(roles) AND NOT disabled)
"""
CHANGEABLE_TRAIL = """
SELECT rolsuper OR has_table_privilege('audit.event', 'UPDATE, DELETE, TRUNCATE')
FROM pg_roles WHERE rolname = current_user
"""
TRAIL_WITHOUT_TRIGGER = """
SELECT NOT EXISTS (SELECT FROM pg_trigger
    WHERE tgrelid = 'audit.event'::regclass AND tgenabled IN ('O', 'A') AND NOT tgisinternal)
"""
UNSAFE_SETTINGS = """
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name
"""
PLAIN_KEY_ADDRESSES = """
SELECT id FROM auth.client
WHERE status = 'active' AND jwks_uri LIKE 'http:%%' ORDER BY id
"""
STAFF_APPS_WITHOUT_KEY = """
SELECT id FROM auth.client
WHERE status = 'active' AND NOT trusted AND kind <> 'asymmetric' AND account_kinds = '{staff}'
ORDER BY id
"""
OLD_SIGNING_KEY = """
SELECT EXISTS (SELECT FROM auth.signing_key
    WHERE retired_at IS NULL AND created_at < now() - interval '400 days')
"""


class Finding(NamedTuple):
    """Something that an operator should know; a `problem` keeps the installation from being ready."""

    problem: bool
    text: Text


def _problem(en: str, zh: str) -> Finding:
    return Finding(True, Text(en, zh))


def of_address(settings: Settings) -> Iterator[Finding]:
    """People reach the exchange by https, under a name."""
    parts = urlsplit(settings.public_base_url)
    if parts.scheme != "https":
        yield _problem(
            f"HIE_PUBLIC_BASE_URL is not an https address: {settings.public_base_url}",
            f"HIE_PUBLIC_BASE_URL 不是 https 地址：{settings.public_base_url}",
        )
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if loopback:
        yield _problem(
            "HIE_PUBLIC_BASE_URL names this machine only.", "HIE_PUBLIC_BASE_URL 仅指向本机。"
        )
    if settings.host not in ("127.0.0.1", "::1", "localhost"):
        yield _problem(
            f"The server listens on {settings.host} without TLS; let a proxy on this machine do that.",
            f"服务在 {settings.host} 上以明文监听，应由本机代理终止 TLS。",
        )
    if "*" in settings.origins:
        yield _problem(
            "HIE_CORS_ORIGINS lets every site's scripts call the FHIR interface.",
            "HIE_CORS_ORIGINS 允许任何网站的脚本调用 FHIR 接口。",
        )


def of_sign_in(settings: Settings) -> Iterator[Finding]:
    """Nobody of the staff gets in by a password alone, nor an app of theirs by a copied secret."""
    if settings.staff_second_factor != "required":
        yield _problem(
            "Staff may sign in by a password alone: set HIE_STAFF_SECOND_FACTOR=required.",
            "工作人员可仅凭密码登录，请设置 HIE_STAFF_SECOND_FACTOR=required。",
        )
    if settings.staff_apps != "protected":
        yield _problem(
            "Apps of staff may do without pushed requests, keys and bound tokens: "
            "set HIE_STAFF_APPS=protected.",
            "医务人员的应用可不推送请求、不用密钥签名、不绑定令牌，请设置 HIE_STAFF_APPS=protected。",
        )
    listed = settings.breached_passwords_file
    if listed is None:
        yield Finding(
            False,
            Text(
                "Stolen passwords are not looked up: name a list with HIE_BREACHED_PASSWORDS_FILE.",
                "未核对泄露密码库，可用 HIE_BREACHED_PASSWORDS_FILE 指定。",
            ),
        )
    elif not os.access(listed, os.R_OK):
        yield _problem(f"{listed} cannot be read.", f"无法读取 {listed}。")


def of_database_address(conninfo: str) -> Iterator[Finding]:
    """The way to the database: a proper password, and TLS if it leaves the machine."""
    parts = conninfo_to_dict(conninfo)
    host, password = str(parts.get("host") or ""), parts.get("password")
    if password is not None and str(password).lower() in WEAK_PASSWORDS:
        yield _problem("The database's password is a default one.", "数据库使用了默认密码。")
    local = host == "" or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
    if not local and parts.get("sslmode") not in ("verify-full", "verify-ca"):
        yield _problem(
            f"Records travel to {host} without a verified certificate: set sslmode=verify-full.",
            f"与数据库 {host} 的连接未验证证书，请设置 sslmode=verify-full。",
        )


def of_directory(settings: Settings) -> Iterator[Finding]:
    """Keys and data are for their owner only."""
    directory = postgres.data_directory(settings)
    secret = [directory / "passwords", directory / "demo.json", secret_key_file(settings)]
    for path in (one for one in secret if one.exists()):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield _problem(
                f"{path} can be read by other accounts.", f"其他系统账号可以读取 {path}。"
            )


def of_schema(status: Status) -> Iterator[Finding]:
    """No step of the schema is missing."""
    if status.pending:
        steps = ", ".join(status.pending)
        yield _problem(
            f"Migrations are missing: {steps}. Run 'hie db upgrade'.",
            f"数据库结构未更新：{steps}。请运行 hie db upgrade。",
        )


async def _first(connection: Connection, statement: str) -> object:
    cursor = await connection.execute(statement)
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def of_people(connection: Connection) -> AsyncIterator[Finding]:
    """No demo accounts, a second factor for staff, and somebody for each duty."""
    cursor = await connection.execute(DEMO_ACCOUNTS, ([one.login for one in LOGINS],))
    if demo := ", ".join(row[0] for row in await cursor.fetchall()):
        yield _problem(
            f"Accounts of the demo can sign in: {demo}. Disable them with 'hie account disable'.",
            f"演示账号仍可登录：{demo}。请用 hie account disable 停用。",
        )
    without = await _first(connection, STAFF_WITHOUT_SECOND_FACTOR)
    if without:
        yield _problem(
            f"{without} members of staff sign in without a second factor.",
            f"{without} 名工作人员登录时不需要第二因素。",
        )
    cursor = await connection.execute(MISSING_ROLES)
    if missing := ", ".join(row[0] for row in await cursor.fetchall()):
        yield _problem(
            f"Nobody holds the role of: {missing}. They have to be different people.",
            f"以下角色无人担任：{missing}。须由不同人员担任。",
        )


async def of_trail(connection: Connection) -> AsyncIterator[Finding]:
    """Nobody who runs the server can change what was recorded."""
    if await _first(connection, CHANGEABLE_TRAIL):
        yield _problem(
            "The server's database role can change the audit trail.",
            "服务所用的数据库角色可以修改审计记录。",
        )
    if await _first(connection, TRAIL_WITHOUT_TRIGGER):
        yield _problem(
            "The trigger that keeps the audit trail append-only is off.",
            "审计记录的防篡改触发器已关闭。",
        )


async def of_storage(connection: Connection) -> AsyncIterator[Finding]:
    """What was answered survives a power cut."""
    cursor = await connection.execute(UNSAFE_SETTINGS)
    for (name,) in await cursor.fetchall():
        yield _problem(
            f"The database runs with {name}=off: a crash loses records.",
            f"数据库以 {name}=off 运行，断电会丢失数据。",
        )


async def of_secrets(connection: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """The key that seals secrets is there, and is this database's."""
    if settings.secret_key_file is None and not secret_key_file(settings).exists():
        if await _first(connection, "SELECT EXISTS (SELECT FROM auth.sealing_key)"):
            yield _problem(
                f"The secret key is not in {secret_key_file(settings)} any more.",
                f"密钥文件 {secret_key_file(settings)} 已不存在。",
            )
        return
    try:
        fits = await sealing_key_fits(connection, settings)
    except SecretKeyError as error:
        yield Finding(True, error.text)
        return
    if len(secret_keys(settings)) > 1:
        yield Finding(
            False,
            Text(
                "Older secret keys are still kept: run 'hie secret-key retire' when no machine needs them.",
                "仍保留旧密钥；各服务器更新后请运行 hie secret-key retire。",
            ),
        )
    if not fits:
        yield _problem(
            f"The secret key in {secret_key_file(settings)} is not this database's.",
            f"{secret_key_file(settings)} 中的密钥与此数据库不符。",
        )


async def of_apps(connection: Connection) -> AsyncIterator[Finding]:
    """Apps that only staff may use can work: with a key of their own."""
    cursor = await connection.execute(STAFF_APPS_WITHOUT_KEY)
    if without := ", ".join(row[0] for row in await cursor.fetchall()):
        yield Finding(
            False,
            Text(
                f"These apps for staff have no key of their own and are refused: {without}.",
                f"以下医务人员应用没有自有密钥，将被拒绝：{without}。",
            ),
        )


async def of_keys(connection: Connection) -> AsyncIterator[Finding]:
    """Keys travel by https and are changed now and then."""
    cursor = await connection.execute(PLAIN_KEY_ADDRESSES)
    if plain := ", ".join(row[0] for row in await cursor.fetchall()):
        yield _problem(
            f"Keys of these clients come without TLS: {plain}.",
            f"以下客户端的密钥经明文获取：{plain}。",
        )
    if await _first(connection, OLD_SIGNING_KEY):
        yield Finding(
            False,
            Text(
                "The signing key is older than a year: run 'hie client rotate-key'.",
                "签名密钥已使用一年以上，请运行 hie client rotate-key。",
            ),
        )
