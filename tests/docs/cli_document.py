"""Writes `docs/cli.md` from the commands' own help: `python tests/docs/cli_document.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from hie.cli.deferred import Deferred
from hie.cli.main import application

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """\
# Commands

Written from the commands' own help by `tests/docs/cli_document.py`; a test fails when the two differ. Every command
reads the [settings](settings.md) from the environment.
"""


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that can be run, with its full name."""
    if isinstance(command, Deferred):
        command = command.command
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for part, one in inner.items():
        yield from commands(one, f"{name} {part}")


def usage(name: str, parameters: list[Any]) -> str:
    """The command line in one line; what may be left out stands in brackets."""
    words = [name]
    for one in parameters:
        if one.param_type_name == "argument":
            word = f"{one.name.upper()}{'…' if one.nargs == -1 else ''}"
        elif one.is_flag:
            word = "|".join([*one.opts, *one.secondary_opts])
        else:
            word = f"{one.opts[0]} {one.name.upper()}"
        words.append(word if one.required else f"[{word}]")
    return " ".join(words)


def section(name: str, command: Any) -> Iterator[str]:
    parameters = [one for one in command.params if one.name != "help"]
    yield f"\n## `{name}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    yield f"```\n{usage(name, parameters)}\n```\n"
    described = [one for one in parameters if one.help]
    if described:
        yield "| | |\n|---|---|"
    for one in described:
        argument = one.param_type_name == "argument"
        called = one.name.upper() if argument else ", ".join([*one.opts, *one.secondary_opts])
        yield f"| `{called}` | {' '.join(one.help.split())} |"


def render() -> str:
    """The whole document."""
    every = sorted(commands(typer.main.get_command(application), "hie"))
    lines = [line for name, command in every for line in section(name, command)]
    return (HEAD + "\n".join(lines)).replace("\n\n\n", "\n\n").rstrip() + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
