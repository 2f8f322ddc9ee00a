"""`hie worker`: receives HL7 v2 messages and carries out what waits in the inbox."""

import logging

import uvloop
from rich.console import Console

from hie.kit import migrations, postgres, redaction
from hie.settings import settings
from hie.worker import main


def worker() -> None:
    """Listen for HL7 v2 over MLLP and process the inbox, until stopped; the schema is upgraded first."""
    redaction.install()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    chosen = settings()
    address = postgres.conninfo(chosen)
    migrations.upgrade(address)
    Console(stderr=True).print(
        f"HL7 v2 over MLLP on {chosen.mllp_host}:{chosen.mllp_port}; stop with Ctrl-C."
    )
    uvloop.run(main(chosen, address))
