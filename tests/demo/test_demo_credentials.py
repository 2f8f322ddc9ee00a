"""Passwords of the demo: kept, and added to when a newer version has more people."""

from pathlib import Path

import orjson

from hie.demo.credentials import FILE, open_credentials
from hie.demo.personas import LOGINS


def test_credentials_are_made_once_and_gain_who_is_new(tmp_path: Path) -> None:
    made, anew = open_credentials(tmp_path)
    assert anew
    assert set(made.passwords) == {one.login for one in LOGINS}
    again, anew = open_credentials(tmp_path)
    assert not anew
    assert again == made
    older = orjson.loads((tmp_path / FILE).read_bytes())
    del older["passwords"][LOGINS[-1].login]
    (tmp_path / FILE).write_bytes(orjson.dumps(older))
    grown, anew = open_credentials(tmp_path)
    assert not anew, "the others' accounts stay as they are"
    assert {**grown.passwords, LOGINS[-1].login: ""} == {**made.passwords, LOGINS[-1].login: ""}
    assert open_credentials(tmp_path)[0] == grown
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
