"""Subscriptions as institutions ask for them. https://hl7.org/fhir/R4/subscription.html

Criteria as ITI-94 lists them: `Patient`, and `Patient?` with `_id`, `identifier` or `organization`.
Channels: `message` (PMIR) with a FHIR payload, and `rest-hook` without one, which only says "look".
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.errors import Problem
from hie.kit.db import Connection
from hie.kit.egress import Unreachable, web_address
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.search.execute import execute
from hie.search.parse import parse

CRITERIA = frozenset(("_id", "identifier", "organization"))
PAYLOADS = frozenset(("application/fhir+json", "application/json"))
HEADER = re.compile(r"([A-Za-z0-9-]{1,64}):\s*([\x20-\x7e]{1,1024})")
FORBIDDEN_HEADERS = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "connection")
)
MOST = 1000


@dataclass(frozen=True, slots=True)
class Subscription:
    """A Subscription resource with its owner."""

    id: str
    institution: int
    resource: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.resource.get("status"))

    @property
    def endpoint(self) -> str:
        return str(self.resource.get("channel", {}).get("endpoint", ""))

    @property
    def sends_payload(self) -> bool:
        return str(self.resource.get("channel", {}).get("type")) == "message"

    @property
    def criteria(self) -> list[tuple[str, str]]:
        """The parameters of the search on Patients."""
        return parse_qsl(str(self.resource.get("criteria", "")).partition("?")[2])

    @property
    def headers(self) -> dict[str, str]:
        """What the subscriber wants sent along, such as an authorization."""
        lines = self.resource.get("channel", {}).get("header", ())
        found = (HEADER.fullmatch(str(line)) for line in lines)
        return {
            match[1].lower(): match[2]
            for match in found
            if match and match[1].lower() not in FORBIDDEN_HEADERS
        }


def objection(subscription: Subscription) -> str | None:
    """Why the subscription cannot be served; None if it can."""
    channel = subscription.resource.get("channel", {})
    payload = channel.get("payload")
    expected = payload in PAYLOADS if subscription.sends_payload else not payload
    checks = (
        (_criteria_served(subscription),
         "criteria: Patient, or Patient? with _id, identifier or organization"),
        (channel.get("type") in ("message", "rest-hook"), "channel.type: message or rest-hook"),
        (expected, "channel.payload: application/fhir+json for message, none for rest-hook"),
        (_can_be_called(subscription.endpoint),
         "channel.endpoint: an https address"),
    )  # fmt: skip
    return next((text for served, text in checks if not served), None)


def _can_be_called(endpoint: str) -> bool:
    try:
        web_address(endpoint)
    except Unreachable:
        return False
    return True


def _criteria_served(subscription: Subscription) -> bool:
    type_name, _, _ = str(subscription.resource.get("criteria", "")).partition("?")
    if type_name != "Patient" or {name for name, _ in subscription.criteria} - CRITERIA:
        return False
    try:
        parse("Patient", subscription.criteria)
    except Problem:
        return False
    return True


async def standing(connection: Connection, exchange: Exchange) -> list[Subscription]:
    """The Subscriptions that are requested or active."""
    query = parse("Subscription", [("status", "requested,active"), ("_count", str(MOST))])
    page = await execute(connection, exchange.store, query, restriction(Caller.operator(), "s"))
    expand = exchange.store.bodies.expand
    return [
        Subscription(row.id, row.institution, orjson.loads(expand(row.dictionary, row.body or b"")))
        for row in page.matches
    ]


async def set_status(
    exchange: Exchange, subscription: Subscription, status: str, error: str | None = None
) -> None:
    """Write the status, with what went wrong, as a new version of the resource."""
    resource = {key: value for key, value in subscription.resource.items() if key != "error"}
    resource |= {"status": status, **({"error": error} if error else {})}
    entry = Entry("PUT", "Subscription", subscription.id, orjson.dumps(resource))
    await accept(exchange, Caller.operator(), [entry])
