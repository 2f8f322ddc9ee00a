"""What a check reports, and what all checks share.

A check gets a value, the object that holds it, and the resource around it. It gives None when all
is well, which costs nothing, or findings. The place of a finding is put together on the way out,
each level adding its name, so that valid data never pays for paths.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from hie.errors import Issue, Text

SHOWN = 60


@dataclass(slots=True)
class Finding:
    """One problem; `place` is the path's steps from the innermost outwards."""

    code: str
    text: Text
    place: list[str] = field(default_factory=list)

    def issue(self, root: str) -> Issue:
        """The finding as reported to the caller, placed under the resource type `root`."""
        steps = [step if step[0] == "[" else "." + step for step in reversed(self.place)]
        return Issue(self.code, self.text, root + "".join(steps))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a check may need to know of the resource it is in."""

    contained: dict[str, str]
    """Resource types of the contained resources by id, to resolve `#id`."""
    inside: bool = False
    """Whether this resource is itself a contained one."""


Findings = list[Finding] | None
Check = Callable[[Any, dict[str, Any], Surroundings], Findings]


def shown(value: Any) -> str:
    """A value for a message: as JSON, shortened."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def one(code: str, en: str, zh: str, place: str | None = None) -> list[Finding]:
    """A single finding, at the checked value itself or at the member `place` of it."""
    return [Finding(code, Text(en, zh), [place] if place else [])]


def at(step: str, findings: list[Finding]) -> list[Finding]:
    """The same findings, seen from one level further out."""
    for finding in findings:
        finding.place.append(step)
    return findings


def kind(value: Any) -> tuple[str, str]:
    """What a JSON value is, in both languages."""
    match value:
        case None:
            return "null", "null"
        case bool():
            return "true or false", "布尔值"
        case dict():
            return "an object", "对象"
        case list():
            return "an array", "数组"
        case str():
            return "a string", "字符串"
        case _:
            return "a number", "数字"


def wrong_shape(value: Any, en: str, zh: str) -> list[Finding]:
    """A finding for a value of another JSON type than is allowed here."""
    is_en, is_zh = kind(value)
    return one("structure", f"must be {en}, but is {is_en}", f"应为{zh}，实际是{is_zh}")
