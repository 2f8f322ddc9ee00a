"""Short statements of many requests, sent together on one connection.

A statement by itself costs a request five times more work in this process than in PostgreSQL: a
connection is taken from the pool, the event loop is told to watch it, each message is a system call.
Here the statements of all requests that run at the same moment leave in one message, and their
results come back in order. https://www.postgresql.org/docs/current/libpq-pipeline-mode.html

One message is one transaction. Results are given out when it is committed; when one of its statements
fails, nothing of it has happened, and the others are asked again.

Only for statements that read a few rows by an index: one that takes long holds up all behind it.
"""

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer

Rows = list[tuple[Any, ...]]

# Point reads have one right plan whatever their values: by the index, and planned once. The answer
# of `EXPLAIN` must not hang on what the planner believes about a table that has just begun to grow.
# What is written must be on disk when it is said to be, whatever the database's own setting is.
SETTINGS = """
SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
SET enable_mergejoin = off; SET synchronous_commit = on; SET TIME ZONE 'UTC'
"""
MOST_PREPARED = 500
_NAMED = re.compile(r"%\((\w+)\)s")
_READ = pq.ExecStatus.TUPLES_OK
_DONE = pq.ExecStatus.COMMAND_OK
_SYNC = pq.ExecStatus.PIPELINE_SYNC
# The tables were changed since the statement was prepared, or preparing it has just failed.
_STALE = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)
# After an error of these severities the server closes the connection: nobody should use it any more.
_ENDING = (b"FATAL", b"PANIC")
_SKIPPED = pq.ExecStatus.PIPELINE_ABORTED


@dataclass(slots=True)
class _Sent:
    """A statement on its way, or its preparation, which fails it when that fails."""

    statement: str
    values: Mapping[str, object]
    done: asyncio.Future[Rows]
    preparing: bool = False
    again: bool = False


@lru_cache(maxsize=MOST_PREPARED)
def _compiled(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1` for the first of its named values, and so on; and their names."""
    names: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}"

    return _NAMED.sub(place, statement).encode(), tuple(names)


class _Link:
    """One connection in pipeline mode, watched by the event loop as long as it lives."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._wire = connection.pgconn
        self._transformer = Transformer(connection)
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._named = 0
        self._waiting: list[_Sent] = []
        self._sent: deque[_Sent | None] = deque()
        self._ready: list[tuple[_Sent, Rows]] = []
        self._failed = False
        self._writing = False
        self._loop = asyncio.get_running_loop()
        self.failure: BaseException | None = None
        self._wire.nonblocking = 1
        self._wire.enter_pipeline_mode()
        self._socket = self._wire.socket
        self._loop.add_reader(self._socket, self._receive)

    def ask(self, statement: str, values: Mapping[str, object]) -> asyncio.Future[Rows]:
        done: asyncio.Future[Rows] = self._loop.create_future()
        self._ask(_Sent(statement, values, done))
        return done

    def _ask(self, sent: _Sent) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(sent)

    async def close(self) -> None:
        self._fail(psycopg.OperationalError("the connection was closed"))
        await self._connection.close()

    def _send(self) -> None:
        if self.failure is not None:
            return
        waiting, self._waiting = self._waiting, []
        with self._failing():
            for sent in waiting:
                self._put(sent)
            # What follows a failure is skipped up to here.
            self._wire.pipeline_sync()
            self._sent.append(None)
            self._flush()

    def _put(self, sent: _Sent) -> None:
        statement, names = _compiled(sent.statement)
        transformer = self._transformer
        try:
            values = transformer.dump_sequence(
                [sent.values[name] for name in names], [PyFormat.AUTO] * len(names)
            )
        except Exception as error:  # a value that cannot be sent is its own sender's trouble
            _give(sent, error)
            return
        types = tuple(transformer.types or ())
        key = (sent.statement, types)
        name = self._prepared.get(key)
        if name is None:
            if len(self._prepared) >= MOST_PREPARED:
                self._forget_all()
            self._named += 1
            name = self._prepared[key] = b"s%d" % self._named
            self._wire.send_prepare(name, statement, types)
            self._sent.append(replace(sent, preparing=True))
        self._wire.send_query_prepared(name, values, transformer.formats, pq.Format.BINARY)
        self._sent.append(sent)

    def _forget_all(self) -> None:
        self._prepared.clear()
        self._wire.send_query_params(b"DEALLOCATE ALL", None)
        done: asyncio.Future[Rows] = self._loop.create_future()
        self._sent.append(_Sent("", {}, done, preparing=True))

    def _forget(self, statement: str) -> None:
        self._prepared = {key: name for key, name in self._prepared.items() if key[0] != statement}

    def _flush(self) -> None:
        with self._failing():
            rest = bool(self._wire.flush())
            if rest and not self._writing:
                self._loop.add_writer(self._socket, self._flush)
            elif self._writing and not rest:
                self._loop.remove_writer(self._socket)
            self._writing = rest

    def _receive(self) -> None:
        with self._failing():
            self._wire.consume_input()
            while self._sent and not self._wire.is_busy():
                result = self._wire.get_result()
                if result is None:  # between the results of two statements
                    continue
                sent = self._sent.popleft()
                if sent is not None:
                    self._take(sent, result)
                elif result.status == _SYNC:
                    self._hand_out()
                else:  # the transaction could not be committed
                    raise psycopg.errors.error_from_result(result, encoding="utf-8")

    def _hand_out(self) -> None:
        """Give what the transaction that has just ended found; if it failed, ask for it anew."""
        ready, self._ready = self._ready, []
        failed, self._failed = self._failed, False
        for sent, rows in ready:
            if sent.done.done():
                continue
            if failed:
                self._ask(sent)
            else:
                sent.done.set_result(rows)

    def _take(self, sent: _Sent, result: pq.abc.PGresult) -> None:
        self._failed = self._failed or result.status not in (_READ, _DONE)
        if result.status == _SKIPPED:
            if sent.preparing:
                self._forget(sent.statement)
            elif not sent.done.done():
                self._ask(sent)
        elif result.status not in (_READ, _DONE):
            error = psycopg.errors.error_from_result(result, encoding="utf-8")
            if result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) in _ENDING:
                _give(sent, error)
                raise error
            stale = isinstance(error, _STALE)
            if sent.preparing or stale:
                self._forget(sent.statement)
            if stale and not (sent.preparing or sent.again or sent.done.done()):
                self._ask(replace(sent, again=True))
            else:
                _give(sent, error)
        elif not sent.preparing and not sent.done.done():
            self._transformer.set_pgresult(result)
            self._ready.append((sent, self._transformer.load_rows(0, result.ntuples, tuple)))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever goes wrong on the wire ends this link, and everybody who waits for it."""
        try:
            yield
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is not None:
            return
        self.failure = error
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        for sent in (*(one for one, _ in self._ready), *self._sent, *self._waiting):
            if sent is not None:
                _give(sent, error)
        self._ready.clear()
        self._sent.clear()
        self._waiting.clear()


def _give(sent: _Sent, error: BaseException) -> None:
    if not sent.done.done():
        sent.done.set_exception(error)


class Pipeline:
    """One such connection, made when it is first needed and anew when it was lost."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._link: _Link | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, statement: str, values: Mapping[str, object]) -> Rows:
        """The rows of a statement with named values (`%(name)s`), in a transaction of its own.

        Raises `psycopg.Error` as the statement's execution does.
        """
        link = self._link
        if link is None or link.failure is not None:
            link = await self._connected()
        return await link.ask(statement, values)

    async def close(self) -> None:
        async with self._opening:
            if self._link is not None:
                await self._link.close()
            self._link = None

    async def _connected(self) -> _Link:
        async with self._opening:
            if self._link is None or self._link.failure is not None:
                if self._link is not None:
                    await self._link.close()
                    self._link = None
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
                await connection.execute(SETTINGS)
                self._link = _Link(connection)
            return self._link
