"""The `hie` command: mounts the groups, nothing else."""

import typer

from hie.cli import (
    access,
    account,
    audit,
    client,
    db,
    demo,
    doctor,
    ingest,
    load,
    mpi,
    reindex,
    search,
    secret_key,
    serve,
    token,
    worker,
)

application = typer.Typer(
    help="Regional health records exchange: FHIR R4, SMART on FHIR, master patient index.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
application.command("demo")(demo.demo)
application.command("serve")(serve.serve)
application.command("worker")(worker.worker)
application.command("doctor")(doctor.doctor)
application.command("load")(load.load)
application.command("reindex")(reindex.reindex_resources)
application.command("token")(token.token)
application.add_typer(access.application, name="access")
application.add_typer(account.application, name="account")
application.add_typer(audit.application, name="audit")
application.add_typer(client.application, name="client")
application.add_typer(db.application, name="db")
application.add_typer(ingest.application, name="ingest")
application.add_typer(mpi.application, name="mpi")
application.add_typer(search.application, name="search")
application.add_typer(secret_key.application, name="secret-key")
