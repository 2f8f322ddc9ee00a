"""Which institution holds a resource: the exchange tags every stored resource with its owner."""

from collections.abc import Iterable
from dataclasses import dataclass

from hie.records.meta import INSTITUTION_SYSTEM
from hie.web.record.coded import Resource

EXCHANGE = "exchange"
"""The code under which the exchange owns what it makes itself, such as golden Patients."""


@dataclass(frozen=True, slots=True, order=True)
class Institution:
    """Its code in the exchange and its name."""

    code: str
    name: str


UNKNOWN = Institution("", "")


def owner(resource: Resource) -> Institution:
    """The institution in the resource's `meta.tag`; `UNKNOWN` for the exchange's own resources."""
    for tag in resource.get("meta", {}).get("tag", ()):
        if tag.get("system") == INSTITUTION_SYSTEM and tag.get("code") not in (None, EXCHANGE):
            return Institution(str(tag["code"]), str(tag.get("display") or tag["code"]))
    return UNKNOWN


def owners(resources: Iterable[Resource]) -> tuple[Institution, ...]:
    """The institutions of all the resources, each once, by code."""
    return tuple(sorted({owner(r) for r in resources} - {UNKNOWN}))
