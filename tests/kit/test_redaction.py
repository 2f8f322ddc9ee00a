"""What is logged names nobody and opens nothing."""

import io
import logging
from collections.abc import Iterator

import pytest

from hie.auth.secret import new_secret
from hie.kit.redaction import HIDDEN, install, redact

JWT = "eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"
SECRETS = [
    "99010119750912102X", "990101750912102", "13800138000", JWT,
    pytest.param(new_secret(), id="a token"),  # another one in every process
]  # fmt: skip
HARMLESS = [
    "2026-11-23T12:30:48.123456+00:00", "request 200 in 15 ms", "/fhir/Observation?code=4548-4",
    "01a20849-11dc-74d0-9f12-c19a1bb75527", "http://127.0.0.1:8080/fhir", "1.2.840.10008.5.1.4.1.1.2",
]  # fmt: skip


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    factory = logging.getLogRecordFactory()
    install()
    written = io.StringIO()
    logger = logging.getLogger("redaction")
    handler = logging.StreamHandler(written)
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, written
    logger.removeHandler(handler)
    logging.setLogRecordFactory(factory)


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_hidden(log: tuple[logging.Logger, io.StringIO], secret: str) -> None:
    logger, written = log
    logger.error("a %s and %s", "word", secret)
    try:
        raise ValueError(f"Key (value)=({secret}) already exists")
    except ValueError:
        logger.exception("it failed for %s", secret)
    assert secret not in written.getvalue()
    assert written.getvalue().count(HIDDEN) == 3
    assert "ValueError" in written.getvalue()


@pytest.mark.parametrize("text", HARMLESS)
def test_the_rest_stays(text: str) -> None:
    assert redact(text) == text


def test_a_password_in_an_address_is_hidden() -> None:
    assert "secret" not in redact("connecting to postgresql://hie:secret@db.example/hie")
