"""Conditions on times and versions. https://hl7.org/fhir/R4/http.html#cread"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime


def names(known: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` names the ETag, or any. Compared is what RFC 9110 calls weak:

    https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2
    """
    if known is None:
        return False
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags


def unchanged(headers: Mapping[str, str], version: int, last_updated: datetime) -> bool:
    """Whether the caller has this version already, so that 304 is the answer.

    `If-None-Match` goes before `If-Modified-Since`, and a date that cannot be read is no condition:
    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
    """
    known = headers.get("if-none-match")
    if known is not None:
        return names(known, f'"{version}"')
    date = headers.get("if-modified-since")
    if date is None:
        return False
    since = _moment(date)
    # An HTTP date has whole seconds; compared is what the caller was told in Last-Modified.
    return since is not None and last_updated.replace(microsecond=0) <= since


def unmodified_since(headers: Mapping[str, str]) -> datetime | None:
    """The moment after which what is to be changed must not have been changed.

    A date that cannot be read is no condition: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.4
    """
    date = headers.get("if-unmodified-since")
    return None if date is None else _moment(date)


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):  # the latter for a year or a zone beyond all
        return None
    return moment if moment.tzinfo is not None else None
