"""Seals what has been recorded, again and again, beside the worker's other duties."""

from functools import partial

from hie.audit.digest import Algorithm
from hie.audit.seal import seal
from hie.kit.db import Database
from hie.kit.duty import Duty

INTERVAL = 10.0
"""Seconds between two seals: rows are unprotected for about as long."""


def sealing(database: Database, algorithm: Algorithm) -> Duty:
    """The duty of a worker; several do not disturb each other, and a failed turn loses nothing."""
    return Duty("audit sealer", INTERVAL, partial(seal, database, algorithm))
