"""GET entries of a Bundle: the same reads and searches as over HTTP. https://hl7.org/fhir/R4/http.html#transaction"""

from urllib.parse import parse_qsl, unquote

import orjson

from hie.access.caller import Caller
from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit.clock import instant
from hie.records.exchange import Exchange
from hie.records.fetch import fetch
from hie.records.find import find
from hie.rest.bundle_entry import Asked

KNOWN_TYPES = frozenset(RESOURCE_TYPES)


async def entry_read(exchange: Exchange, caller: Caller, asked: Asked) -> bytes:
    """The response entry of a read or a search; Problem as those raise it."""
    path, _, query = asked.url.partition("?")
    type_name, _, logical_id = path.partition("/")
    if type_name not in KNOWN_TYPES or "/" in logical_id or (logical_id and query):
        raise problem(
            400,
            "not-supported",
            f"'GET {asked.url[:80]}' is neither a read (Type/id) nor a search (Type?…)",
            f"“GET {asked.url[:80]}”既不是读取（类型/id）也不是检索（类型?…）",
            f"{asked.expression}.request.url",
        )
    response: dict[str, str] = {"status": "200 OK"}
    if logical_id:
        fetched = await fetch(exchange, caller, type_name, unquote(logical_id))
        body = fetched.body
        response["etag"] = f'W/"{fetched.version}"'
        response["lastModified"] = instant(fetched.last_updated)
    else:
        body = await find(exchange, caller, type_name, parse_qsl(query, keep_blank_values=True))
    return b'{"resource":%s,"response":%s}' % (body, orjson.dumps(response))
