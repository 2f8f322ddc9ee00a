"""References and searches of a GraphQL query, as reads and searches of the exchange.

Everything goes through the same doors as over REST: scopes, restriction and audit are theirs.
References that are asked for at the same time are read with one statement.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hie.access.caller import Caller
from hie.errors import problem
from hie.kit import exact
from hie.records.exchange import Exchange
from hie.records.fetch_many import fetch_many
from hie.records.find import CURSOR, find
from hie.rest.graphql.result import Json
from hie.rest.graphql.selection import Found

READS = 2000
SEARCHES = 50
"""What one query may ask for; more belongs into several."""

Key = tuple[str, str]


class Records:
    """The lookup of one request, with what it has read so far."""

    def __init__(self, exchange: Exchange, caller: Caller) -> None:
        self._exchange = exchange
        self._caller = caller
        self._reads: dict[Key, asyncio.Future[Json | None]] = {}
        self._waiting: list[Key] = []
        self._reading: asyncio.Task[None] | None = None
        self._searches = 0

    async def read(self, type_name: str, logical_id: str) -> Json | None:
        """The resource, or None if there is none that the caller may see."""
        key = (type_name, logical_id)
        if key not in self._reads:
            if len(self._reads) >= READS:
                raise problem(
                    422,
                    "too-costly",
                    f"The query follows more than {READS} references; ask for less at a time",
                    f"查询涉及的引用超过 {READS} 个，请减少每次查询的内容",
                )
            self._reads[key] = asyncio.get_running_loop().create_future()
            self._waiting.append(key)
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
        return await self._reads[key]

    async def _read(self) -> None:
        """Read what waits by now; what is asked for meanwhile is the next batch."""
        while self._waiting:
            keys, self._waiting = self._waiting, []
            try:
                found = await fetch_many(self._exchange, self._caller, keys)
            except Exception as error:
                for key in keys:
                    self._reads[key].set_exception(error)
            else:
                for key in keys:
                    body = found.get(key)
                    self._reads[key].set_result(None if body is None else exact.loads(body))
        self._reading = None

    async def search(self, type_name: str, arguments: Sequence[tuple[str, Any]]) -> Found:
        """One page of matches. Problem as a search over REST raises it."""
        self._searches += 1
        if self._searches > SEARCHES:
            raise problem(
                422,
                "too-costly",
                f"The query makes more than {SEARCHES} searches; ask for less at a time",
                f"查询包含超过 {SEARCHES} 次检索，请减少每次查询的内容",
            )
        pairs = [(name, _text(value)) for name, value in arguments]
        bundle = exact.loads(await find(self._exchange, self._caller, type_name, pairs))
        entries = [one for one in bundle.get("entry", ()) if one["search"]["mode"] == "match"]
        links = {one["relation"]: _parameters(one["url"]) for one in bundle["link"]}
        return Found(
            resources=[one["resource"] for one in entries],
            modes=[one["search"]["mode"] for one in entries],
            total=bundle.get("total"),
            page_size=int(links["self"]["_count"]) if "_count" in links["self"] else len(entries),
            next=links["next"][CURSOR] if "next" in links else None,
        )


def _parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
