"""One pair: both records side by side, the waterfall, the decision; and the second opinion.

Pairs that share a person are one piece of work: everybody stands side by side, and from one decision
the way leads to the next pair.
"""

from asyncio import gather
from collections.abc import Mapping, Sequence

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
from hie.web.steward.answers import Pair, Registration
from hie.web.steward.comparison import compared, institutions
from hie.web.steward.waterfall import waterfall

MOST_RELATED = 8
"""So many other pairs are shown beside one."""


def _number(reader: Reader) -> str:
    return str(reader.request.path_params["number"])


def _choices(pair: Pair) -> dict[str, Text]:
    """Decisions that can be carried out, the suggested one first."""
    ordered = sorted(pair.possible, key=lambda code: code != pair.suggestion)
    return {code: words.word(words.DECISIONS, code) for code in ordered}


async def _open(reader: Reader, number: str) -> list[Pair]:
    """The review of this number, then those that hang together with it and are open still."""

    async def one(asked: str) -> Pair | None:
        try:
            return answers.pair(await reader.fhir.ask("Patient/$review", [("number", asked)]))
        except Refused as refused:
            if refused.status != 404 or asked == number:
                raise
            return None  # it has settled itself

    pair = await one(number)
    if pair is None:
        return []
    others = await gather(*(one(str(each)) for each in pair.related[:MOST_RELATED]))
    return [pair, *(each for each in others if each is not None)]


def _sides(pairs: Sequence[Pair]) -> list[tuple[Registration, ...]]:
    """Everybody whom the pairs are about, each once, those of the first pair first."""
    first = pairs[0]
    if len(pairs) == 1 or first.persons[0] == first.persons[1]:
        return [first.left, first.right]
    found: dict[str, tuple[Registration, ...]] = {}
    for pair in pairs:
        alone = pair.persons[0] == pair.persons[1]
        sides = [(*pair.left, *pair.right)] if alone else [pair.left, pair.right]
        for person, side in zip(pair.persons, sides, strict=False):
            found.setdefault(person, side)
    return list(found.values())


def _shown(
    reader: Reader,
    pairs: Sequence[Pair],
    choices: Mapping[str, Text],
    *,
    second: bool,
    problems: list[str] | None = None,
) -> Response:
    pair, *others = pairs
    sides = _sides(pairs)
    content = {
        "pair": pair,
        "others": others,
        "sides": sides,
        "lines": compared(sides, language_of(reader.request)),
        "holders": [institutions(side) for side in sides],
        "drawing": waterfall(pair.weights),
        "words": words,
        "choices": choices,
        "second": second,
        "problems": problems or [],
        "done": reader.request.query_params.get("done", "")[:12],
        "longest": LONGEST_REASON,
    }
    return reader.page("steward/pair.html", content, 422 if problems else 200)


async def page(reader: Reader) -> Response:
    """An open review."""
    pairs = await _open(reader, _number(reader))
    return _shown(reader, pairs, _choices(pairs[0]), second=False)


async def decide(reader: Reader) -> Response:
    """Take the decision to the exchange, then on to what hangs together with it, or to the queue."""
    form = await reader.form()
    number = _number(reader)
    pairs = await _open(reader, number)
    sent = _sent(number, "decision", form.get("decision", ""), form.get("note", ""))
    try:
        await reader.fhir.operation("Patient/$decide-review", sent)
    except Refused as refused:
        if refused.status not in (400, 422):
            raise
        said = messages(refused.outcome, language_of(reader.request))
        return _shown(reader, pairs, _choices(pairs[0]), second=False, problems=said)
    for other in pairs[1:]:
        try:
            await reader.fhir.ask("Patient/$review", [("number", str(other.number))])
        except Refused as refused:
            if refused.status != 404:
                raise
            continue  # this decision has settled it
        return redirect(f"{reader.portal.home}/review/{other.number}?done={number}")
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
    return _shown(reader, [answers.pair(entry)], words.VERDICTS, second=True, problems=problems)


async def second_opinion(reader: Reader) -> Response:
    """Take the opinion to the exchange."""
    form = await reader.form()
    verdict = form.get("decision", "")
    sent = _sent(_number(reader), "verdict", verdict, form.get("note", ""))
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
