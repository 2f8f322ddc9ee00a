"""Commands that are imported when they are run, so that `hie --help` is quick.

What a command needs takes seconds to import and stays in the memory of the process and of those that it
starts: `hie serve` hands its workers all that it has. https://typer.tiangolo.com/
"""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


class Deferred(TyperCommand):
    """A command of which the name and the help are known; `place` says where it is, as `module:name`.

    There is a function, or a `typer.Typer` for a group of commands. Its own help begins with `help`.
    """

    def __init__(self, name: str, place: str, help: str) -> None:  # noqa: A002 - the library's name
        super().__init__(name, help=help)
        self._place = place

    @cached_property
    def command(self) -> Any:
        """The command itself."""
        module, _, name = self._place.partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return typer.main.get_command(alone)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """What is run from here on is the command itself, also to complete what is typed in a shell."""
        return self.command.make_context(*args, **extra)


class Deferring(TyperGroup):
    """A group of such commands."""

    deferred: ClassVar[Sequence[Deferred]] = ()

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": {str(one.name): one for one in self.deferred}})
