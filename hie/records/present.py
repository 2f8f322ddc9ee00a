"""How a stored body is shown. SMART apps compare references with the launch patient:
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html

In a person's own context the references to linked source Patients are shown as the launch patient;
the sender stays visible in `meta.source` and in the institution's tag.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from hie.fhir.subset import Subset

Present = Callable[[str, bytes], bytes]

MOST_KEPT = 500
"""Persons whose pattern is kept: to make it takes several times as long as to use it once."""


def unchanged(_type_name: str, body: bytes) -> bytes:
    """The body as stored."""
    return body


def as_launch_patient(launch_patient: str, sources: Sequence[str]) -> Present:
    """Shows references to any of `sources` as references to `launch_patient`.

    Patients stay as they are: the links of the golden record name its sources.
    """
    return _as(launch_patient, tuple(sources)) if sources else unchanged


@lru_cache(maxsize=MOST_KEPT)
def _as(launch_patient: str, sources: tuple[str, ...]) -> Present:
    pattern = re.compile(
        rb'("reference"\s*:\s*")Patient/(?:'
        + b"|".join(re.escape(s.encode()) for s in sources)
        + rb')(?=["/])'
    )
    shown = rb"\1Patient/" + launch_patient.encode()

    def present(type_name: str, body: bytes) -> bytes:
        return body if type_name == "Patient" else pattern.sub(shown, body)

    return present


def partly(present: Present, subset: Subset) -> Present:
    """Shows only the part that the caller wants of what `present` shows."""
    if subset.whole:
        return present

    def part(type_name: str, body: bytes) -> bytes:
        return subset.of(type_name, present(type_name, body))

    return part
