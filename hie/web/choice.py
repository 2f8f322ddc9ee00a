"""What part of a timeline the reader has chosen, as it stands in the address of the page."""

from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from hie.web.record.entry import KINDS


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of entry, an institution and the day before which to begin; None means any."""

    kind: str | None = None
    institution: str | None = None
    before: str | None = None

    @classmethod
    def of(cls, query: QueryParams) -> "Choice":
        """The choice in a query string; what is not understood counts as not chosen."""
        kind, before = query.get("kind"), query.get("before", "")
        try:
            date.fromisoformat(before)
        except ValueError:
            before = ""
        return cls(
            kind=kind if kind in KINDS else None,
            institution=query.get("institution") or None,
            before=before or None,
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that may be chosen."""
        return tuple(KINDS)

    @property
    def chosen_kinds(self) -> tuple[str, ...]:
        """The kinds to be shown."""
        return (self.kind,) if self.kind else self.kinds

    def query(self, **changes: str | None) -> str:
        """The query string of this choice with changes; it begins at the newest unless told."""
        changed = replace(self, **{"before": None, **changes})
        parts = {
            "kind": changed.kind,
            "institution": changed.institution,
            "before": changed.before,
        }
        return "?" + urlencode({key: value for key, value in parts.items() if value})
