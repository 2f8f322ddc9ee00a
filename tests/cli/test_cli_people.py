"""The operator's commands for people and clients, and the verdict on an installation."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyotp
import pytest
from typer.testing import CliRunner, Result

from hie.auth.secret import hash_password
from hie.cli.main import application

Run = Callable[..., Result]

CLIENT = """
INSERT INTO auth.client (id, name, kind, status, redirect_uris, scopes, grant_types)
VALUES ('waiting', 'An app', 'public', 'pending', '{https://x.example/}', 'patient/*.rs',
    '{authorization_code}')
"""


@pytest.fixture
def run(conninfo: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HIE_DATABASE_URL", conninfo)
    monkeypatch.setenv("HIE_DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    with psycopg.connect(conninfo) as connection:
        connection.execute("INSERT INTO store.institution (code, name) VALUES ('H9', 'Nine')")
        connection.execute(CLIENT)
    return lambda *words: CliRunner().invoke(application, words)


def add(run: Run, login: str, role: str) -> Result:
    return run(
        "account", "add", login, "--name", login, "--role", role, "--institution", "H9",
        "--practitioner", login,
    )  # fmt: skip


def one(conninfo: str, statement: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def test_staff_gets_a_password_and_a_second_factor(run: Run, conninfo: str) -> None:
    added = add(run, "li", "clinician")
    assert added.exit_code == 0, added.output
    assert re.search(r"password: \S{20}\n", added.output)
    secret = re.search(r"secret=([A-Z2-7]+)", added.output)
    assert secret is not None
    assert pyotp.TOTP(secret[1]).now().isdigit()
    assert "clinician" in run("account", "list").output
    again = add(run, "li", "auditor")
    assert again.exit_code == 1
    assert one(conninfo, "SELECT roles FROM auth.account WHERE login = 'li'") == ["clinician"]


def test_an_unknown_role_or_institution_is_refused(run: Run) -> None:
    assert add(run, "x", "boss").exit_code == 1
    words = ["account", "add", "x", "--name", "x", "--role", "auditor", "--practitioner", "x"]
    assert run(*words, "--institution", "none").exit_code == 1


def test_another_role_ends_what_the_old_one_opened(run: Run, conninfo: str) -> None:
    add(run, "gao", "steward")
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO auth.token (hash, kind, client_id, holder, account, scopes, expires_at) "
            "VALUES ('x', 'access', 'c', 'staff', 'gao', 'user/*.rs', now() + interval '1 hour')"
        )
    assert run("account", "role", "gao", "auditor").exit_code == 0
    assert one(conninfo, "SELECT revoked_at IS NOT NULL FROM auth.token WHERE account = 'gao'")
    assert one(conninfo, "SELECT roles FROM auth.account WHERE login = 'gao'") == ["auditor"]
    assert run("account", "role", "nobody", "auditor").exit_code == 1
    assert run("account", "role", "gao", "king").exit_code == 1


def test_disabling(run: Run) -> None:
    add(run, "wu", "auditor")
    assert run("account", "disable", "wu").exit_code == 0
    assert "disabled" in run("account", "list").output
    assert run("account", "disable", "nobody").exit_code == 1


def test_an_app_is_approved_and_disabled(run: Run) -> None:
    assert "waiting" in run("client", "list", "--status", "pending").output
    assert run("client", "approve", "waiting").exit_code == 0
    assert "waiting" not in run("client", "list", "--status", "pending").output
    assert run("client", "approve", "waiting").exit_code == 1
    assert run("client", "disable", "waiting").exit_code == 0
    assert run("client", "disable", "nobody").exit_code == 1


def test_the_signing_key_changes(run: Run, conninfo: str) -> None:
    for _ in range(2):
        assert run("client", "rotate-key").exit_code == 0
    assert one(conninfo, "SELECT count(*) FROM auth.signing_key") == 2
    assert one(conninfo, "SELECT count(*) FROM auth.signing_key WHERE retired_at IS NULL") == 1


def test_a_fresh_installation_is_not_ready(run: Run) -> None:
    verdict = run("doctor", "--language", "en")
    assert verdict.exit_code == 1
    assert "not an https address" in verdict.output
    assert "this machine only" in verdict.output
    assert (
        "Nobody holds the role of: administrator, security-officer, auditor, reviewer"
        in verdict.output
    )
    assert "NOT READY" in verdict.output
    chinese = run("doctor", "--language", "zh")
    assert "尚不能用于真实数据" in chinese.output
    assert "不是 https 地址" in chinese.output


FAULTS = {
    "ALTER TABLE audit.event DISABLE TRIGGER USER": "append-only is off",
    "GRANT DELETE ON audit.event TO CURRENT_USER": "can change the audit trail",
    "UPDATE auth.account SET totp_secret = NULL": "without a second factor",
    "UPDATE auth.client SET kind = 'asymmetric', jwks_uri = 'http://h.example/', "
    "status = 'active'": "without TLS: waiting",
    "UPDATE public.alembic_version SET version_num = '0009_auth'": "Migrations are missing",
}


@pytest.fixture
def ready(run: Run, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """An installation with which nothing is wrong."""
    monkeypatch.setenv("HIE_PUBLIC_BASE_URL", "https://exchange.example")
    for role in ("administrator", "security-officer", "auditor", "reviewer"):
        add(run, role, role)
    return run


def remaining(verdict: Result) -> list[str]:
    """What is wrong beside the tests' own database, which is made to be fast and not to last."""
    lines = [line for line in verdict.output.splitlines() if line.startswith("✗")]
    return [line for line in lines if "=off: a crash loses records" not in line]


def test_an_installation_with_nothing_wrong(ready: Run) -> None:
    assert remaining(ready("doctor", "--language", "en")) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(ready: Run, conninfo: str, fault: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(fault)
    verdict = ready("doctor", "--language", "en")
    assert verdict.exit_code == 1
    assert any(FAULTS[fault] in line for line in remaining(verdict)), verdict.output


def test_an_app_for_staff_that_cannot_work_is_told_of(ready: Run, conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE auth.client SET account_kinds = '{staff}', status = 'active'")
    verdict = ready("doctor", "--language", "en")
    assert (
        "! These apps for staff have no key of their own and are refused: waiting" in verdict.output
    )
    assert remaining(verdict) == []


def test_demo_accounts_are_found(ready: Run, conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO auth.account (login, kind, password_hash, display_name, fhir_user, patient) "
            "VALUES ('zhang.minghua', 'resident', %s, 'x', 'Patient/x', 'x')",
            (hash_password("x"),),
        )
    assert any("zhang.minghua" in line for line in remaining(ready("doctor", "--language", "en")))


def test_an_open_or_foreign_secret_key_is_found(
    ready: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "another-key"
    monkeypatch.setenv("HIE_SECRET_KEY_FILE", str(key))
    assert "cannot be read" in ready("doctor", "--language", "en").output
    key.write_text(base64.b64encode(bytes(32)).decode())
    key.chmod(0o640)
    verdict = ready("doctor", "--language", "en")
    assert f"{key} can be read by other accounts" in verdict.output
    assert "is not this database's" in verdict.output
    refused = add(ready, "late", "auditor")
    assert refused.exit_code == 1
    assert "late" not in ready("account", "list").output
    monkeypatch.delenv("HIE_SECRET_KEY_FILE")
    assert "is not in" in ready("doctor", "--language", "en").output
    assert not (tmp_path / "secret-key").exists(), "the doctor changes nothing"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HIE_HOST", "0.0.0.0", "without TLS"),
        ("HIE_STAFF_SECOND_FACTOR", "offered", "by a password alone"),
        ("HIE_STAFF_APPS", "any", "do without pushed requests"),
        ("HIE_CORS_ORIGINS", "*", "every site's scripts"),
        ("HIE_PUBLIC_BASE_URL", "http://exchange.example", "not an https address"),
    ],
)
def test_each_unsafe_setting_is_found(
    ready: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    verdict = ready("doctor", "--language", "en")
    assert verdict.exit_code == 1
    assert said in verdict.output


def test_the_secret_key_is_changed(
    ready: Run, conninfo: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with psycopg.connect(conninfo) as connection:  # sealed by the session's key until now
        connection.execute("TRUNCATE auth.sealing_key")
        connection.execute("UPDATE auth.account SET totp_secret = NULL")
    monkeypatch.setenv("HIE_SECRET_KEY_FILE", str(tmp_path / "key"))
    assert ready("secret-key", "rotate").exit_code == 1, "a named file has to be there"
    (tmp_path / "key").write_text(base64.b64encode(bytes(range(32))).decode())
    assert add(ready, "late", "auditor").exit_code == 0
    sealed = "SELECT totp_secret FROM auth.account WHERE login = 'late'"
    before = one(conninfo, sealed)
    assert "2 keys" in ready("secret-key", "add").output
    rotated = ready("secret-key", "rotate")
    assert "1 secrets are sealed anew" in rotated.output, rotated.output
    assert one(conninfo, sealed) != before
    assert "Older secret keys are still kept" in ready("doctor", "--language", "en").output
    assert ready("secret-key", "retire").exit_code == 1
    assert ready("secret-key", "retire", "--yes").exit_code == 0
    assert len((tmp_path / "key").read_text().split()) == 1
    assert "1 secrets are sealed anew" in ready("secret-key", "rotate").output
    (tmp_path / "key").write_text(base64.b64encode(bytes(32)).decode())
    assert ready("secret-key", "rotate").exit_code == 1
    assert len((tmp_path / "key").read_text().split()) == 1, "left as it was"
