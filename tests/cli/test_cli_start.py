"""`hie` imports the command that is named and nothing else."""

import inspect
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from hie.cli.deferred import Deferred
from hie.cli.main import COMMANDS, application

LOADED = """
import sys
from hie.cli.main import application
application(["--help"], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""
HEAVY = {"alembic", "cryptography", "fastapi", "fhirpathpy", "granian", "lxml", "msgspec"}
HEAVY |= {"opencc", "psycopg", "pydantic", "pypinyin", "sqlalchemy", "starlette", "zxcvbn"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_is_how_the_own_help_of_the_command_begins(command: Deferred) -> None:
    own = inspect.cleandoc(command.command.help)
    assert " ".join(own.split("\n\n")[0].split()) == command.help
    shown = CliRunner().invoke(application, [str(command.name), "--help"])
    assert shown.exit_code == 0
    assert f" {command.name} [OPTIONS]" in shown.output


def test_the_help_imports_no_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert all(str(command.name) in done.stdout for command in COMMANDS)
    loaded = done.stderr.split()
    own = {name for name in loaded if name.startswith("hie")}
    assert own == {"hie", "hie.cli", "hie.cli.deferred", "hie.cli.main"}
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


def test_an_unknown_command_is_refused() -> None:
    refused = CliRunner().invoke(application, ["lod"])
    assert refused.exit_code == 2
    assert "load" in refused.output
