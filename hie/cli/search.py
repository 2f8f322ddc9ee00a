"""`hie search explain`: what a search becomes and what it costs."""

import asyncio
from typing import Annotated
from urllib.parse import parse_qsl

import typer
from rich.console import Console
from rich.tree import Tree

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.auth.scopes import Scope
from hie.errors import Problem
from hie.kit import migrations, postgres
from hie.mpi.people import linked
from hie.search.explain import Explanation, Limb, explain
from hie.search.parse import EVERY_TYPE, Compartment, parse
from hie.search.query import Query
from hie.search.rewrite.people import expand, patient_ids
from hie.settings import settings
from hie.store.open import open_store

application = typer.Typer(help="Searches.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)


@application.callback()
def group() -> None:
    """Searches."""


def _query(address: str) -> Query:
    path, _, parameters = address.removeprefix("/").partition("?")
    pairs = parse_qsl(parameters, keep_blank_values=True)
    compartment, _, rest = path.partition("/")
    if rest:
        logical_id, _, type_name = rest.partition("/")
        inside = Compartment(compartment, logical_id)
        return parse(type_name or EVERY_TYPE, pairs, compartment=inside, contained=True)
    return parse(path or EVERY_TYPE, pairs, contained=True)


async def _explain(conninfo: str, query: Query, caller: Caller, run: bool) -> Explanation:
    async with (
        open_store(conninfo, size=1) as store,
        store.database.connection() as connection,
    ):
        members = await linked(connection, patient_ids(query))
        visible = restriction(caller, "s")
        return await explain(connection, store, expand(query, members), visible, run=run)


def _grow(tree: Tree, limb: Limb) -> None:
    branch = tree.add(limb.text)
    for below in limb.below:
        _grow(branch, below)


@application.command("explain")
def explain_search(
    search: Annotated[
        str, typer.Argument(help="As in an address: 'Observation?patient=1&code=4548-4'.")
    ],
    patient: Annotated[
        str | None,
        typer.Option(help="Explain it as asked by this person (a golden Patient's id)."),
    ] = None,
    run: Annotated[
        bool, typer.Option("--run/--plan", help="Run it and show real times, or only plan it.")
    ] = True,
) -> None:
    """Show the tree of a search, its SQL, and PostgreSQL's plan with costs and times.

    Without --patient it is asked as the operator, who sees everything. Nothing is disclosed: the
    resources found are not shown.
    """
    address = postgres.conninfo(settings())
    migrations.upgrade(address)
    caller = Caller.operator()
    if patient is not None:
        scopes = (Scope("patient", "*", "rs"),)
        caller = Caller("resident", "explain", scopes, user=f"Patient/{patient}", patient=patient)
    try:
        explanation = asyncio.run(_explain(address, _query(search), caller, run))
    except Problem as refused:
        for issue in refused.issues:
            console.print(f"{issue.expression or ''}: {issue.text.en}", style="red", markup=False)
        raise typer.Exit(1) from refused
    console.print("Tree", style="bold")
    for limb in explanation.tree:
        tree = Tree(limb.text)
        for below in limb.below:
            _grow(tree, below)
        console.print(tree, markup=False)
    for number, step in enumerate(explanation.steps, 1):
        console.print(f"\n{number}. {step.purpose}", style="bold", markup=False)
        for title, text in (("SQL", step.statement), ("Plan", step.plan)):
            console.print(title, style="bold")
            console.print(text, markup=False)
