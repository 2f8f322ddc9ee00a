"""Which database the settings ask for."""

import os
from pathlib import Path

from hie.kit.postgres.server import embedded
from hie.settings import Settings


def data_directory(settings: Settings) -> Path:
    """The directory of `settings`; by default `/var/lib/hie` for root, `.hie` here for others."""
    if settings.data_directory is not None:
        return settings.data_directory
    return Path("/var/lib/hie") if os.geteuid() == 0 else Path.cwd() / ".hie"


def conninfo(settings: Settings) -> str:
    """How to reach the database of `settings`: `HIE_DATABASE_URL`, or else the embedded one.

    The embedded one is made and started when that is needed; raises `EmbeddedDatabaseError`.
    """
    return settings.database_url or embedded(data_directory(settings))
