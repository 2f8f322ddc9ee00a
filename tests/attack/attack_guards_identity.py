"""Guards of identity, each with the probe that has to notice when it is off."""

from collections.abc import Awaitable, Callable
from typing import Any

import test_attack_identity as identity

from hie.mpi import source_merge


def passing(value: Any = None) -> Callable[..., Any]:
    return lambda *_, **__: value


RELINK = {"who": "doctor", "act": "not-duplicate"}
QUEUE = {"who": "doctor", "path": "$reviewer-agreement"}
ANY_INSTITUTION = source_merge.TO_MOVE.replace("old.institution = new.institution", "true")

OFF: tuple[tuple[str, dict[str, Any], Callable[..., Awaitable[None]], dict[str, Any]], ...] = (
    ("links are stewards' matter", {"hie.rest.operations.relink.require_steward": passing("x")},
     identity.test_nobody_but_a_steward_moves_links, RELINK),
    ("the queue is stewards' matter", {"hie.records.review.require_steward": passing("x")},
     identity.test_nobody_but_a_steward_sees_the_queue, QUEUE),
    ("residents do not match", {"hie.records.identify._require": passing()},
     identity.test_a_residents_app_matches_nobody, {}),
    ("a description has to describe", {"hie.records.identify._sufficient": passing(True)},
     identity.test_who_is_hardly_described_is_not_found, {"wanted": ("identifier",)}),
    ("institutions match ids", {"hie.records.identify._known_to": lambda person, own: {
        "resourceType": "Patient", "id": person, "name": [{"text": identity.WANG["name"]}]}},
     identity.test_an_institution_learns_no_demographics_by_matching, {}),
    ("institutions merge their own", {"hie.mpi.source_merge.TO_MOVE": ANY_INSTITUTION},
     identity.test_an_institution_merges_its_patients_into_nobody_elses, {}),
)  # fmt: skip
