"""What a message says about one resource, and how that joins what is known already.

HL7 2.5.1 section 2.5.3: a field that is empty says nothing, so the value known before stands; a
field that is `""` deletes. An update (A08) may therefore carry less than the admission before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Resource = dict[str, Any]


class Manner(Enum):
    """How a draft joins the resource that stands under its id."""

    SAYS_ALL = "all"
    """It replaces the resource: results are sent whole."""
    SAYS_SOME = "some"
    """What it leaves out stays as it is: registrations and visits."""
    BACKGROUND = "background"
    """It only fills a gap: a result names its patient, but knows less than the registration."""


_JOINED_INSIDE = frozenset({"period", "hospitalization"})
"""Elements whose parts arrive in different messages, such as admission and discharge time."""


@dataclass(slots=True)
class Draft:
    """A resource as one message describes it; `defaults` count only when nobody says better."""

    resource: Resource
    manner: Manner = Manner.SAYS_ALL
    cleared: set[str] = field(default_factory=set)
    """Elements that the message deletes, such as `address` or `period.end`."""
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def joined(self, known: Resource | None, *, late: bool = False) -> Resource | None:
        """The resource to store, None if what is known stands.

        `late`: the message is older than what is known, so it may only fill gaps.
        """
        if known is None:
            return {**self.resource, **_missing(self.defaults, self.resource)}
        match self.manner:
            case Manner.BACKGROUND:
                return None
            case Manner.SAYS_ALL:
                return None if late else self.resource
            case Manner.SAYS_SOME:
                if late:
                    return _over(known, {**self.resource, **_missing(self.defaults, self.resource)})
                result = _over(self.resource, _without(known, self.cleared))
                return {**result, **_missing(self.defaults, result)}


def _missing(values: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in present}


def _without(known: Resource, cleared: set[str]) -> Resource:
    result = {name: value for name, value in known.items() if _element(name) not in cleared}
    for path in cleared:
        name, _, inner = path.partition(".")
        if inner and isinstance(result.get(name), dict):
            result[name] = {k: v for k, v in result[name].items() if k != inner}
    return result


def _over(newer: Resource, older: Resource) -> Resource:
    """`newer` with what only `older` has; a choice element such as `deceased[x]` is one element."""
    result = dict(newer)
    taken = {_element(name) for name in newer}
    for name, value in older.items():
        if name in _JOINED_INSIDE and isinstance(result.get(name), dict):
            result[name] = {**value, **result[name]}
        elif _element(name) not in taken:
            result[name] = value
    return result


def _element(name: str) -> str:
    for choice in ("deceased", "multipleBirth", "value", "effective"):
        if name.startswith(choice):
            return choice
    return name.removeprefix("_")
