"""Demo passwords and the institutions' private keys, kept in the data directory.

Passwords are drawn at the first start, so no two installations share them, and printed at every
start: they protect nothing but invented people. Only hashes and public keys are in the database.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from joserfc.jwk import ECKey

from hie.demo.institutions import INSTITUTIONS
from hie.demo.personas import LOGINS

FILE = "demo.json"
ALGORITHM = "ES384"


@dataclass(frozen=True, slots=True)
class Credentials:
    """`passwords` by login, `keys` (private JSON Web Keys) by institution code."""

    passwords: dict[str, str]
    keys: dict[str, dict[str, Any]]

    def key(self, institution: str) -> ECKey:
        return ECKey.import_key(self.keys[institution])

    def public_keys(self, institution: str) -> dict[str, Any]:
        """The key set that is registered for the institution's client."""
        key = self.key(institution)
        public = key.as_dict(private=False)
        return {"keys": [{**public, "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM}]}


def _password() -> str:
    return f"demo-{secrets.token_hex(3)}"


def _new() -> Credentials:
    keys = {one.code: ECKey.generate_key("P-384") for one in INSTITUTIONS}
    return Credentials(
        {one.login: _password() for one in LOGINS},
        {code: dict(key.as_dict(private=True)) for code, key in keys.items()},
    )


def open_credentials(data_directory: Path) -> tuple[Credentials, bool]:
    """The credentials of this data directory, and whether they were made just now."""
    file = data_directory / FILE
    anew = not file.exists()
    made = _new() if anew else Credentials(**orjson.loads(file.read_bytes()))
    missing = {one.login: _password() for one in LOGINS if one.login not in made.passwords}
    if not anew and not missing:
        return made, False
    made.passwords.update(missing)  # of people who came with a newer version
    data_directory.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(orjson.dumps(made))
    new.replace(file)
    return made, anew
