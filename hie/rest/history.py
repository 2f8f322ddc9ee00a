"""GET […/]_history of a resource, a type, or everything. https://hl7.org/fhir/R4/http.html#history"""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import Problem, problem
from hie.fhir.dates import Range, date_range
from hie.fhir.definitions import type_number
from hie.fhir.references import parse_reference
from hie.records.history import fetch_history
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.negotiate import preferences
from hie.rest.respond import answer
from hie.rest.subset import NAMES, subset_of
from hie.store.history import Asked

DEFAULT_COUNT = 50
LARGEST_COUNT = 1000
# Those that go into the links of the Bundle.
ASKED = ("_since", "_at", "_count", "_list")
KNOWN = frozenset((*ASKED, *NAMES, "_cursor", "_format", "_pretty"))


def whole_number(request: Request, name: str, default: int, largest: int) -> int:
    """The parameter as a number from 1 to `largest`; Problem 400 if it is anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) >= 1:
        return min(int(text), largest)
    raise problem(
        400,
        "invalid",
        f"{name}={text[:40]} is not a whole number above 0",
        f"{name}={text[:40]} 不是大于 0 的整数",
        name,
    )


def instant_parameter(request: Request, name: str) -> datetime | None:
    """The parameter as a moment with its zone; Problem 400 if it is anything else."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise problem(
            400,
            "invalid",
            f"{name}={text[:40]} is not an instant such as 2026-01-31T08:00:00+08:00",
            f"{name}={text[:40]} 不是完整时刻，例如 2026-01-31T08:00:00+08:00",
            name,
        )
    return moment


def date_parameter(request: Request, name: str) -> Range | None:
    """The parameter as the time that a date or dateTime covers; Problem 400 if it is none."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return date_range(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise problem(
            400,
            "invalid",
            f"{name}={text[:40]} is not a date such as 2026-01-31",
            f"{name}={text[:40]} 不是日期，例如 2026-01-31",
            name,
        ) from error


def require_known(request: Request, known: frozenset[str]) -> None:
    """Problem 400 for a parameter that means nothing here, unless handling is lenient."""
    unknown = sorted(set(request.query_params) - known)
    if unknown and preferences(request).get("handling") != "lenient":
        raise unknown_parameter(unknown[0], known)


def unknown_parameter(name: str, known: frozenset[str]) -> Problem:
    """The Problem that names a parameter and those that are known."""
    return problem(
        400,
        "not-supported",
        f"The parameter {name[:40]} is not known here; known are {', '.join(sorted(known))}",
        f"此处不支持参数 {name[:40]}；支持的参数：{', '.join(sorted(known))}",
        name,
    )


def _require_once(request: Request) -> None:
    """Problem 400: "Each of these parameters SHALL NOT appear more than once"."""
    for name in ASKED:
        if len(request.query_params.getlist(name)) > 1:
            raise problem(
                400,
                "invalid",
                f"{name} is given more than once; which one counts?",
                f"参数 {name} 出现多次，无法确定以哪个为准",
                name,
            )


def _list_id(request: Request) -> str | None:
    """The id in `_list`; Problem 400 for a list that is not stored as one."""
    asked = request.query_params.get("_list")
    if asked is None:
        return None
    named = parse_reference(f"List/{asked.removeprefix('List/')}")
    if named.type != "List" or named.version or named.fragment:
        raise problem(
            400,
            "not-supported" if asked.startswith("$") else "value",
            f"_list={asked[:80]}: only stored Lists can be asked for, by their id",
            f"_list={asked[:80]}：仅支持按 id 查询已保存的 List",
            "_list",
        )
    return named.id


async def history(request: Request) -> Response:
    """The versions of a resource, of a type, or of everything that the caller may see."""
    caller = await authenticate(request)
    require_known(request, KNOWN)
    _require_once(request)
    type_name = request.path_params.get("type")
    query = request.query_params
    body = await fetch_history(
        exchange_of(request),
        caller,
        Asked(
            type_number=None if type_name is None else type_number(type_name),
            id=request.path_params.get("id"),
            since=instant_parameter(request, "_since"),
            at=date_parameter(request, "_at"),
        ),
        count=whole_number(request, "_count", DEFAULT_COUNT, LARGEST_COUNT),
        cursor=query.get("_cursor"),
        parameters=tuple((name, query[name]) for name in ASKED if name in query),
        subset=subset_of(query.multi_items(), type_name),
        list_id=_list_id(request),
    )
    return answer(request, body)
