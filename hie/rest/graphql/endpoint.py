"""`$graphql` on one resource and on the whole system. https://hl7.org/fhir/R4/operation-resource-graphql.html

GET with the query as a parameter; POST with the query as the body (application/graphql), or as JSON
with `query`, `operationName` and `variables`. https://graphql.github.io/graphql-over-http/draft/
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.access.policy import require
from hie.errors import Problem, problem
from hie.fhir.encoding import not_utf_8
from hie.fhir.json_text import read_json
from hie.fhir.outcome import operation_outcome
from hie.kit import exact
from hie.records.fetch import missing
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.graphql.document import Document, read_document, refused
from hie.rest.graphql.lookup import Records
from hie.rest.graphql.selection import Selection
from hie.rest.negotiate import language, media_type
from hie.rest.respond import PRIVATE

LARGEST_QUERY = 256 * 1024
JSON = "application/json"


async def graphql_of_system(request: Request) -> Response:
    """The query's fields are reads and searches: `{ PatientList(name: "张") { id } }`."""
    return await _answered(request)


async def graphql_of_resource(request: Request) -> Response:
    """The query's fields are those of the resource: `{ name { text } }`."""
    return await _answered(request, request.path_params["type"], request.path_params["id"])


async def _answered(request: Request, type_name: str = "", logical_id: str = "") -> Response:
    caller = await authenticate(request)
    lookup = Records(exchange_of(request), caller)
    root: dict[str, Any] | None = None
    if logical_id:
        require(caller, "r", type_name)
        root = await lookup.read(type_name, logical_id)
        if root is None:
            raise missing(type_name, logical_id)
    try:
        selection = Selection(await _document(request), lookup)
        data = await (selection.of_resource(root) if root else selection.of_system())
    except Problem as found:
        if "caller" in request.scope:  # an entry of a Bundle, whose outcome is a resource
            raise
        return _json(orjson.dumps({"errors": _errors(request, found)}), found.status)
    return _json(exact.dumps({"data": data}), 200)


def _json(body: bytes, status: int) -> Response:
    return Response(body, status, headers=PRIVATE, media_type=JSON)


def _errors(request: Request, found: Problem) -> list[dict[str, Any]]:
    """Errors as GraphQL has them, each with its OperationOutcome."""
    tongue = language(request)
    return [
        {
            "message": issue.text.in_language(tongue),
            **({"path": issue.expression.split(".")} if issue.expression else {}),
            "extensions": {"resource": operation_outcome([issue], tongue)},
        }
        for issue in found.issues
    ]


async def _document(request: Request) -> Document:
    """The operation that the request carries; Problem 400, 413, 415."""
    if request.method != "POST":
        asked = request.query_params
        sent: Any = {
            "query": asked.get("query"),
            "operationName": asked.get("operationName"),
            "variables": read_json(asked.get("variables", "{}").encode(), "variables"),
        }
    else:
        body = await read_body(request, LARGEST_QUERY)
        kind = media_type(request.headers.get("content-type", ""))
        if kind == "application/graphql":
            encoding = not_utf_8(body)
            if encoding is not None:
                raise refused(*encoding)
            sent = {"query": body.decode()}
        elif kind == JSON:
            sent = read_json(body)
        else:
            raise problem(
                415,
                "not-supported",
                f"Send the query as application/graphql or {JSON}, not as {kind or 'nothing'}",
                f"请以 application/graphql 或 {JSON} 提交查询，而不是 {kind or '（未声明）'}",
                "Content-Type",
            )
    if not isinstance(sent, dict) or not isinstance(sent.get("query"), str):
        raise refused("There is no 'query'", "缺少 query", "query")
    variables = sent.get("variables") or {}
    if not isinstance(variables, dict):
        raise refused("'variables' is a JSON object", "variables 应为 JSON 对象", "variables")
    operation = sent.get("operationName")
    if not isinstance(operation, str | None):
        raise refused("'operationName' is text", "operationName 应为文本", "operationName")
    return read_document(sent["query"], operation=operation, variables=variables)
