"""One pair: both records side by side, the waterfall, the decision; and the second opinion."""

from collections.abc import Mapping

from starlette.responses import Response

from hie.errors import Text
from hie.records.relink import LONGEST_REASON
from hie.web.fhir_client import Refused
from hie.web.language import language_of
from hie.web.page import redirect
from hie.web.record.outcome import messages
from hie.web.record.parameters import named
from hie.web.signed_in import Reader
from hie.web.steward import answers, words
from hie.web.steward.answers import Pair
from hie.web.steward.comparison import compared, institutions
from hie.web.steward.waterfall import waterfall


def _number(reader: Reader) -> str:
    return str(reader.request.path_params["number"])


def _choices(pair: Pair) -> dict[str, Text]:
    """Decisions that can be carried out, the suggested one first."""
    ordered = sorted(pair.possible, key=lambda code: code != pair.suggestion)
    return {code: words.word(words.DECISIONS, code) for code in ordered}


def _shown(
    reader: Reader,
    pair: Pair,
    choices: Mapping[str, Text],
    *,
    second: bool,
    problems: list[str] | None = None,
) -> Response:
    content = {
        "pair": pair,
        "lines": compared(pair.left, pair.right, language_of(reader.request)),
        "holders": [institutions(pair.left), institutions(pair.right)],
        "drawing": waterfall(pair.weights),
        "words": words,
        "choices": choices,
        "second": second,
        "problems": problems or [],
        "longest": LONGEST_REASON,
    }
    return reader.page("steward/pair.html", content, 422 if problems else 200)


async def page(reader: Reader) -> Response:
    """An open review."""
    answer = await reader.fhir.ask("Patient/$review", [("number", _number(reader))])
    pair = answers.pair(answer)
    return _shown(reader, pair, _choices(pair), second=False)


async def decide(reader: Reader) -> Response:
    """Take the decision to the exchange, then on to the queue."""
    form = await reader.request.form()
    number = _number(reader)
    sent = _sent(number, "decision", str(form.get("decision", "")), str(form.get("note", "")))
    try:
        await reader.fhir.operation("Patient/$decide-review", sent)
    except Refused as refused:
        if refused.status not in (400, 422):
            raise
        said = messages(refused.outcome, language_of(reader.request))
        pair = answers.pair(await reader.fhir.ask("Patient/$review", [("number", number)]))
        return _shown(reader, pair, _choices(pair), second=False, problems=said)
    return redirect(f"{reader.portal.home}?done={number}")


async def second_list(reader: Reader) -> Response:
    """The decided reviews that wait for this reader's opinion."""
    found = answers.listed(await reader.fhir.ask("Patient/$second-reviews", []))
    content = {"entries": found, "words": words}
    return reader.page("steward/second.html", content)


async def second_page(reader: Reader) -> Response:
    """A decided review, without the decision."""
    return await _second(reader)


async def _second(reader: Reader, problems: list[str] | None = None) -> Response:
    answer = await reader.fhir.ask("Patient/$second-reviews", [("number", _number(reader))])
    entry = next(named(answer, "review"), None)
    if entry is None:
        return redirect(f"{reader.portal.home}/second")
    return _shown(reader, answers.pair(entry), words.VERDICTS, second=True, problems=problems)


async def second_opinion(reader: Reader) -> Response:
    """Take the opinion to the exchange."""
    form = await reader.request.form()
    verdict = str(form.get("decision", ""))
    sent = _sent(_number(reader), "verdict", verdict, str(form.get("note", "")))
    try:
        await reader.fhir.operation("Patient/$second-opinion", sent)
    except Refused as refused:
        if refused.status not in (400, 422):
            raise
        return await _second(reader, messages(refused.outcome, language_of(reader.request)))
    return redirect(f"{reader.portal.home}/second")


def _sent(number: str, name: str, code: str, note: str) -> dict[str, object]:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "number", "valueInteger": int(number)},
            {"name": name, "valueCode": code},
            {"name": "reason", "valueString": note.strip()},
        ],
    }
