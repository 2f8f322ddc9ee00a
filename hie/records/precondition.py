"""What must hold before an entry changes a resource: whose it is, and which version it stands at.

https://hl7.org/fhir/R4/http.html#concurrency
"""

from datetime import datetime

from hie.errors import Problem, problem
from hie.kit.clock import instant
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


def _tags(header: str) -> list[str]:
    return [each.strip().removeprefix("W/").strip('"') for each in header.split(",")]


def check_version(entry: Entry, place: Place | None) -> None:
    """Problem 412 unless the current version is as `If-Match` and `If-None-Match` want it.

    `If-None-Match: *` is for who means to create, and not to overwrite. `If-Match` can name the
    deletion of what is to be brought back: its ETag was given "to allow version contention management
    when a resource is brought back to life" (https://hl7.org/fhir/R4/http.html#delete).
    `If-Unmodified-Since` counts where there is no `If-Match`; what is not there has no time of
    modification.
    https://hl7.org/fhir/R4/http.html#concurrency, https://www.rfc-editor.org/rfc/rfc9110#section-13.1
    """
    current = str(place.version) if place and place.body is not None else None
    if entry.if_match is not None:
        wanted = _tags(entry.if_match)
        stands = str(place.version) if place else None
        if stands not in wanted and (wanted != ["*"] or current is None):
            raise problem(
                412,
                "conflict",
                f"If-Match names version {', '.join(wanted)}, the current version is {stands or 'none'}",
                f"If-Match 指定版本 {', '.join(wanted)}，当前版本为 {stands or '无'}",
                entry.expression,
            )
    elif entry.if_unmodified_since is not None and place and place.body is not None:
        _check_time(entry, entry.if_unmodified_since, place)
    if entry.if_none_match is not None and current is not None:
        unwanted = _tags(entry.if_none_match)
        if current in unwanted or unwanted == ["*"]:
            raise problem(
                412,
                "conflict",
                f"If-None-Match names {', '.join(unwanted)}, and version {current} is there",
                f"If-None-Match 指定 {', '.join(unwanted)}，而版本 {current} 已存在",
                entry.expression,
            )


def _check_time(entry: Entry, moment: datetime, place: Place) -> None:
    if place.last_updated.replace(microsecond=0) > moment:  # an HTTP date has whole seconds
        stands = instant(place.last_updated)
        raise problem(
            412,
            "conflict",
            f"Version {place.version} is of {stands}, after the time of If-Unmodified-Since",
            f"版本 {place.version} 的时间为 {stands}，晚于 If-Unmodified-Since 所给时间",
            entry.expression,
        )
