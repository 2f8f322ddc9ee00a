"""`hie secret-key …`: another key for what is sealed in the database, without a moment in which something does not open.

With several machines: add, copy the file to each, rotate, copy it again, and retire when all have it.
https://csrc.nist.gov/pubs/sp/800/57/pt1/r5/final (section 5.3.6, cryptoperiods)
"""

from typing import Annotated

import typer

from hie.auth.sealed import seal_anew
from hie.cli.account import refuse, run
from hie.kit.secret_key import (
    SecretKeyError,
    new_key,
    replace_keys,
    secret_key_file,
    secret_keys,
)
from hie.settings import settings

application = typer.Typer(help="The key that seals secrets in the database.", no_args_is_help=True)


def _keys() -> tuple[bytes, ...]:
    try:
        return secret_keys(settings())
    except SecretKeyError as error:
        raise refuse(str(error)) from error


@application.command()
def add() -> None:
    """Add a new key that opens and does not seal yet, so that every machine can have it first."""
    keys = _keys()
    replace_keys(settings(), [*keys, new_key()])
    print(f"{len(keys) + 1} keys are in {secret_key_file(settings())}; the first one seals")


@application.command()
def rotate() -> None:
    """Seal with the newest key from now on, and seal anew what is there; the old ones still open.

    Makes a new key if there is only one. Running servers go on: they read the file when it changes.
    """
    chosen = settings()
    before = _keys()
    known = before if len(before) > 1 else (*before, new_key())
    replace_keys(chosen, [known[-1], *known[:-1]])
    try:
        count = run(lambda connection: seal_anew(connection, chosen))
    except BaseException:  # also Ctrl-C: nothing may be sealed with a key that is no longer first
        replace_keys(chosen, before)
        raise
    print(f"{count} secrets are sealed anew; older keys stay until 'hie secret-key retire'")


@application.command()
def retire(
    yes: Annotated[
        bool, typer.Option("--yes", help="Every machine has the file that was rotated.")
    ] = False,
) -> None:
    """Seal anew what an older key has sealed meanwhile, and remove the older keys.

    Backups of the database from before the rotation need the older keys: keep those with them.
    """
    if not yes:
        raise refuse("say --yes when every machine has the file that was rotated")
    chosen = settings()
    keys = _keys()
    count = run(lambda connection: seal_anew(connection, chosen))
    replace_keys(chosen, keys[:1])
    print(f"{count} secrets are sealed anew; {len(keys) - 1} older keys are gone")
