"""The `hie` command: its groups and commands, of which only the one that is named is imported."""

import typer

from hie.cli.deferred import Deferred, Deferring

COMMANDS = (
    Deferred(
        "demo",
        "hie.cli.demo:demo",
        "Bring up a synthetic district: database, records, web server and HL7 v2 listener.",
    ),
    Deferred(
        "serve",
        "hie.cli.serve:serve",
        "Serve the exchange over HTTP; the schema is brought up to date first.",
    ),
    Deferred(
        "worker",
        "hie.cli.worker:worker",
        "Listen for HL7 v2 over MLLP and process the inbox, until stopped; the schema is upgraded first.",
    ),
    Deferred(
        "doctor",
        "hie.cli.doctor:doctor",
        "Say what keeps this installation from being used with real people's records; exit status 1 then.",
    ),
    Deferred(
        "load",
        "hie.cli.load:load",
        "Load transaction Bundles (.json, .json.gz) and NDJSON (.ndjson, .ndjson.gz).",
    ),
    Deferred(
        "reindex",
        "hie.cli.reindex:reindex_resources",
        "Index stored resources anew, for search parameters that were added or removed and what they contain.",
    ),
    Deferred(
        "token",
        "hie.cli.token:token",
        "Mint an access token and print it; only its hash is stored.",
    ),
    Deferred("access", "hie.cli.access:application", "Guardians and proxies."),
    Deferred("account", "hie.cli.account:application", "People who can sign in."),
    Deferred(
        "audit", "hie.cli.audit:application", "The audit trail: its roots and whether it is whole."
    ),
    Deferred("client", "hie.cli.client:application", "Apps and institutions' systems."),
    Deferred("db", "hie.cli.db:application", "The database's schema and upkeep."),
    Deferred("ingest", "hie.cli.ingest:application", "Incoming HL7 v2 messages."),
    Deferred("mpi", "hie.cli.mpi:application", "The master patient index."),
    Deferred("search", "hie.cli.search:application", "Searches."),
    Deferred(
        "secret-key",
        "hie.cli.secret_key:application",
        "The key that seals secrets in the database.",
    ),
)


class Commands(Deferring):
    """All of them, in the order in which the help lists them."""

    deferred = COMMANDS


application = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@application.callback()
def hie() -> None:
    """Regional health records exchange: FHIR R4, SMART on FHIR, master patient index."""
