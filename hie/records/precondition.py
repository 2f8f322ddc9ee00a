"""What must hold before an entry changes a resource: whose it is, and which version it stands at.

https://hl7.org/fhir/R4/http.html#concurrency
"""

from hie.errors import Problem, problem
from hie.records.entry import Entry, Prepared
from hie.store.write import Place


def not_yours(entry: Entry, item: Prepared) -> Problem:
    """The refusal to change what another institution owns; a deletion must not tell that it is there."""
    if entry.method == "DELETE":
        return problem(
            404,
            "not-found",
            f"There is no {entry.type}/{item.id}",
            f"没有 {entry.type}/{item.id}",
            entry.expression,
        )
    return problem(
        403,
        "forbidden",
        f"The id {item.id} of {entry.type} is not yours to write; choose another",
        f"无权写入 {entry.type}/{item.id}，请使用其他 id",
        entry.expression,
    )


def check_version(entry: Entry, place: Place | None) -> None:
    """Problem 412 unless `If-Match` names the current version. https://hl7.org/fhir/R4/http.html#concurrency"""
    if entry.if_match is None:
        return
    wanted = [each.strip().removeprefix("W/").strip('"') for each in entry.if_match.split(",")]
    current = str(place.version) if place and place.body is not None else None
    if current not in wanted and (wanted != ["*"] or current is None):
        raise problem(
            412,
            "conflict",
            f"If-Match names version {', '.join(wanted)}, the current version is {current or 'none'}",
            f"If-Match 指定版本 {', '.join(wanted)}，当前版本为 {current or '无'}",
            entry.expression,
        )
