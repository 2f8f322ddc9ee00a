"""GET entries of a Bundle, and operations: the same requests as over HTTP. https://hl7.org/fhir/R4/http.html#transaction

Each is run through the server's own routes, so that a Bundle can ask whatever can be asked without
one, under the same token. In a transaction it sees what the entries before it have changed.
"""

import re
from base64 import b64encode
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.requests import Request

from hie.access.caller import Caller
from hie.kit.clock import instant
from hie.kit.db import Connection
from hie.kit.within import Within
from hie.records.bundle_request import Asked
from hie.records.exchange import Exchange
from hie.rest.negotiate import FHIR_JSON
from hie.rest.respond import MODIFIED

# Of the headers of the request that brought the Bundle, those that hold for its entries too.
KEPT = frozenset((b"accept-language", b"prefer", b"host"))
# What the routing of the Bundle itself left in the scope.
OWN = frozenset(("path_params", "endpoint", "route", "state"))
INSTANCE = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/\d+)?")


def within(exchange: Exchange, connection: Connection) -> Exchange:
    """The exchange as it looks from inside the transaction of `connection`."""
    database = Within(connection, exchange.store.database)
    return replace(exchange, store=replace(exchange.store, database=database))


async def entry_read(
    request: Request, caller: Caller, asked: Asked, exchange: Exchange
) -> tuple[int, bytes]:
    """Status and response entry of a read, search, history or operation.

    Inside a transaction `exchange` is made by `within`.
    """
    path, _, query = asked.url.partition("?")
    pairs = [pair for pair in query.split("&") if not pair.startswith(("_format=", "_pretty="))]
    headers = [pair for pair in request.scope["headers"] if pair[0] in KEPT]
    scope = {
        **{key: value for key, value in request.scope.items() if key not in OWN},
        # a HEAD has no body that could say why it fails
        "method": "GET" if asked.method == "HEAD" else asked.method,
        "path": f"/fhir/{unquote(path)}",
        "raw_path": f"/fhir/{path}".encode(),
        "query_string": "&".join(pairs).encode(),
        "headers": [*headers, *asked.headers],
        "exchange": exchange,
        "caller": caller,
    }
    status, sent, body = await _run(request, scope, asked.body)
    response: dict[str, Any] = {"status": str(status)}
    if "etag" in sent:
        response["etag"] = sent["etag"]
    if MODIFIED in scope:
        response["lastModified"] = instant(scope[MODIFIED])
    if status >= 400:
        response["outcome"] = orjson.Fragment(body)
        return status, orjson.dumps({"response": response})
    text = b'"response":' + orjson.dumps(response)
    kind = sent.get("content-type", "")
    if body and not kind.startswith(FHIR_JSON):
        body = orjson.dumps(
            {"resourceType": "Binary", "contentType": kind, "data": b64encode(body).decode()}
        )
    if not body or asked.method == "HEAD":
        return status, b"{%s}" % text
    instance = INSTANCE.fullmatch(path)
    address = b""
    if instance is not None:  # what is not one resource of the store has no address of its own
        url = f"{exchange.settings.fhir_base}/{instance[1]}"
        address = b'"fullUrl":%s,' % orjson.dumps(url)
    return status, b'{%s"resource":%s,%s}' % (address, body, text)


async def _run(
    request: Request, scope: MutableMapping[str, Any], sent: bytes
) -> tuple[int, dict[str, str], bytes]:
    status = 500
    headers: dict[str, str] = {}
    parts: list[bytes] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update(
                (k.decode("latin-1"), v.decode("latin-1")) for k, v in message["headers"]
            )
        else:
            parts.append(message.get("body", b""))

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": sent, "more_body": False}

    await request.app.router(scope, receive, send)
    return status, headers, b"".join(parts)
