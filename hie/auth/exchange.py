"""What the endpoints need from the running exchange: `request.app.state.exchange`."""

from collections.abc import Sequence
from typing import Protocol, cast

from starlette.requests import Request

from hie.kit.db import Connection, Database
from hie.kit.rates import Rates
from hie.settings import Settings


class HasDatabase(Protocol):
    """The part of the store that the authorization server uses."""

    @property
    def database(self) -> Database: ...


class OpenPatient(Protocol):
    """One person whose record is open to a clinician."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


class People(Protocol):
    """Whom the exchange knows: `hie.records.acquaintances`."""

    async def by_identity_number(self, number: str) -> str | None: ...

    async def open_to(self, conn: Connection, account: str) -> Sequence[OpenPatient]: ...


class Exchange(Protocol):
    """The part of `hie.records.exchange.Exchange` that the authorization server uses."""

    @property
    def store(self) -> HasDatabase: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def rates(self) -> Rates: ...

    @property
    def people(self) -> People: ...


def database_of(request: Request) -> Database:
    """The pool of the exchange that answers this request."""
    return cast("Exchange", request.app.state.exchange).store.database


def settings_of(request: Request) -> Settings:
    """The settings of the exchange that answers this request."""
    return cast("Exchange", request.app.state.exchange).settings


def rates_of(request: Request) -> Rates:
    """How often who has asked this process."""
    return cast("Exchange", request.app.state.exchange).rates


def people_of(request: Request) -> People:
    """Who answers whom the exchange knows."""
    return cast("Exchange", request.app.state.exchange).people
