"""The one place that asks for the time. FHIR instants: https://hl7.org/fhir/R4/datatypes.html#instant"""

from datetime import UTC, datetime
from email.utils import format_datetime


def now() -> datetime:
    """The present moment in UTC, cut to milliseconds, the precision that the exchange reports."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def instant(moment: datetime) -> str:
    """`moment` as a FHIR instant in UTC, such as `2026-03-01T08:00:00.123Z`."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def http_date(moment: datetime) -> str:
    """`moment` for the `Last-Modified` header. https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7"""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
