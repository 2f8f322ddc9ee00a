"""Who sent a message, and the names and ids that follow from it.

Ids are derived, not drawn: the same record of the same institution always has the same id, so
sending again changes nothing. UUID version 5: https://www.rfc-editor.org/rfc/rfc9562#section-5.5
"""

from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID, uuid5

NAMESPACE = UUID("6f9b9f0e-4a39-5c0b-9d52-1f2b5a8f6c11")
"""Of ids derived from HL7 v2 messages; never changed, or every record would appear twice."""


@dataclass(frozen=True, slots=True)
class Source:
    """The sending institution. `zone` is its offset for times without one."""

    institution: str
    zone: str = "+08:00"

    @property
    def meta(self) -> dict[str, str]:
        """`Resource.meta` of everything that came this way."""
        return {"source": f"urn:hie:hl7v2:{self.institution}"}

    def system(self, kind: str, *names: str) -> str:
        """An identifier or code system of the institution's own."""
        tail = "".join(f":{quote(name, safe='')}" for name in names)
        return f"urn:hie:institution:{quote(self.institution, safe='')}:{kind}{tail}"

    def id(self, type_name: str, *names: str) -> str:
        """The id of the resource that the institution knows under `names`."""
        return str(
            uuid5(
                NAMESPACE,
                "|".join(quote(n, safe="") for n in (self.institution, type_name, *names)),
            )
        )
