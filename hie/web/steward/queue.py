"""The queue: what waits for a decision, filtered, and how far reviewers agree."""

from asyncio import gather
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from hie.web.record.moment import CHINA
from hie.web.record.parameters import value
from hie.web.record.person import person
from hie.web.signed_in import Reader
from hie.web.steward import answers, words

PAGE = 20


async def page(reader: Reader) -> Response:
    """A page of the queue, the most probable pair first."""
    query = reader.request.query_params
    reason = query.get("reason", "") if query.get("reason", "") in words.REASONS else ""
    guard = query.get("guard", "") if query.get("guard", "") in words.GUARDS else ""
    start = query.get("start", "")
    offset = int(start) if start.isascii() and start.isdigit() and len(start) < 8 else 0
    asked = [("_count", str(PAGE))]
    asked += [(name, code) for name, code in (("reason", reason), ("guard", guard)) if code]
    asked += [("_offset", str(offset))] if offset else []
    answer, waiting, agreed = await gather(
        reader.fhir.ask("Patient/$reviews", asked),
        reader.fhir.ask("Patient/$second-reviews", []),
        reader.fhir.ask("Patient/$reviewer-agreement", []),
    )
    today = datetime.now(CHINA).date()
    total = value(answer, "total", 0)
    entries = [
        (one, person(one.registration, today) if one.registration else None)
        for one in answers.listed(answer)
    ]
    content: dict[str, Any] = {
        "entries": entries,
        "total": total,
        "reason": reason,
        "guard": guard,
        "words": words,
        "second": len(answers.listed(waiting)),
        "agreement": agreement(agreed),
        "link": _linker(reader.portal.home, reason, guard),
        "offset": offset,
        "next": offset + PAGE if offset + PAGE < total else None,
        "done": query.get("done", "")[:12],
    }
    return reader.page("steward/queue.html", content)


def agreement(answer: dict[str, Any]) -> dict[str, Any]:
    """How many reviews two have judged, how often alike, and Cohen's kappa."""
    return {name: value(answer, name) for name in ("reviews", "observed", "kappa")}


def _linker(home: str, reason: str, guard: str) -> Any:
    def link(**changes: Any) -> str:
        parts = {"reason": reason, "guard": guard, **changes}
        chosen = {name: code for name, code in parts.items() if code}
        return f"{home}?{urlencode(chosen)}" if chosen else home

    return link
