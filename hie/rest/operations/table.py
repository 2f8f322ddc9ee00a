"""The operations that there are: routes and CapabilityStatement are both made from this table.

https://hl7.org/fhir/R4/operations.html
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from hie.rest.export import export_group, export_patients, export_system
from hie.rest.graphql.endpoint import graphql_of_resource, graphql_of_system
from hie.rest.operations import proxies, relink, review
from hie.rest.operations.everything import everything_of_encounter, patient_everything
from hie.rest.operations.explain_access import explain_patient_access
from hie.rest.operations.ihe_pix import patient_identifiers
from hie.rest.operations.lastn import observation_lastn
from hie.rest.operations.match import match_patient
from hie.rest.operations.meta import meta_add, meta_delete, meta_in_use, meta_of_resource
from hie.rest.operations.open_record import (
    close_patient_record,
    confirm_sensitive,
    emergencies,
    emergency_reads,
    open_patient_record,
    review_emergency,
    visit_code,
)
from hie.rest.operations.posted import by_post
from hie.rest.operations.process_message import process_message
from hie.rest.operations.validate import validate_resource

Endpoint = Callable[[Request], Awaitable[Response]]
FHIR = "http://hl7.org/fhir/OperationDefinition/"
BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
OWN = "urn:hie:operation:"
"""Operations of this exchange; `own.py` defines them at an address of the server."""


class Operation(NamedTuple):
    """An operation `$code` with its definition and the routes that serve it.

    `type` is a resource type, `Resource` for one that every type has, or `system`.
    """

    type: str
    code: str
    definition: str
    routes: tuple[tuple[str, str, Endpoint], ...]


def _reading(path: str, endpoint: Endpoint) -> tuple[tuple[str, str, Endpoint], ...]:
    """The routes of an operation that only reads: by GET, and by POST of the same parameters."""
    return (("GET", path, endpoint), ("POST", path, by_post(endpoint)))


def _patient(code: str, endpoint: Endpoint, method: str = "POST") -> Operation:
    """An operation of this exchange on one golden Patient."""
    return Operation(
        "Patient", code, f"{OWN}{code}", ((method, f"/Patient/{{id}}/${code}", endpoint),)
    )


def _patients(code: str, endpoint: Endpoint, method: str = "POST") -> Operation:
    """An operation of this exchange on Patients as a whole."""
    return Operation("Patient", code, f"{OWN}{code}", ((method, f"/Patient/${code}", endpoint),))


OPERATIONS = (
    Operation(
        "system",
        "graphql",
        f"{FHIR}Resource-graphql",
        (("GET", "/$graphql", graphql_of_system), ("POST", "/$graphql", graphql_of_system)),
    ),
    Operation(
        "Resource",
        "graphql",
        f"{FHIR}Resource-graphql",
        (
            ("GET", "/{type}/{id}/$graphql", graphql_of_resource),
            ("POST", "/{type}/{id}/$graphql", graphql_of_resource),
        ),
    ),
    Operation(
        "Patient",
        "everything",
        f"{FHIR}Patient-everything",
        (
            *_reading("/Patient/{id}/$everything", patient_everything),
            *_reading("/Patient/$everything", patient_everything),
        ),
    ),
    Operation(
        "Encounter",
        "everything",
        f"{FHIR}Encounter-everything",
        _reading("/Encounter/{id}/$everything", everything_of_encounter),
    ),
    Operation(
        "Observation",
        "lastn",
        f"{FHIR}Observation-lastn",
        _reading("/Observation/$lastn", observation_lastn),
    ),
    Operation("system", "meta", f"{FHIR}Resource-meta", _reading("/$meta", meta_in_use)),
    Operation(
        "Resource",
        "meta",
        f"{FHIR}Resource-meta",
        (
            *_reading("/{type}/$meta", meta_in_use),
            *_reading("/{type}/{id}/$meta", meta_of_resource),
            *_reading("/{type}/{id}/_history/{version}/$meta", meta_of_resource),
        ),
    ),
    Operation(
        "Resource",
        "validate",
        f"{FHIR}Resource-validate",
        (
            ("POST", "/{type}/$validate", validate_resource),
            ("POST", "/{type}/{id}/$validate", validate_resource),
            ("GET", "/{type}/{id}/$validate", validate_resource),
        ),
    ),
    Operation(
        "Resource",
        "meta-add",
        f"{FHIR}Resource-meta-add",
        (("POST", "/{type}/{id}/$meta-add", meta_add),),
    ),
    Operation(
        "Resource",
        "meta-delete",
        f"{FHIR}Resource-meta-delete",
        (("POST", "/{type}/{id}/$meta-delete", meta_delete),),
    ),
    Operation(
        "Patient", "match", f"{FHIR}Patient-match", (("POST", "/Patient/$match", match_patient),)
    ),
    Operation(
        "Patient",
        "ihe-pix",
        "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
        (("GET", "/Patient/$ihe-pix", patient_identifiers),),
    ),
    Operation(
        "system",
        "process-message",
        f"{FHIR}MessageHeader-process-message",
        (("POST", "/$process-message", process_message),),
    ),
    Operation("system", "export", f"{BULK_DATA}export", _reading("/$export", export_system)),
    Operation(
        "Patient",
        "export",
        f"{BULK_DATA}patient-export",
        _reading("/Patient/$export", export_patients),
    ),
    Operation(
        "Group",
        "export",
        f"{BULK_DATA}group-export",
        _reading("/Group/{id}/$export", export_group),
    ),
    _patient("open-record", open_patient_record),
    _patient("close-record", close_patient_record),
    _patient("confirm-sensitive", confirm_sensitive),
    _patient("explain-access", explain_patient_access, "GET"),
    _patients("visit-code", visit_code),
    _patients("emergencies", emergencies, "GET"),
    _patients("emergency-reads", emergency_reads, "GET"),
    _patients("review-emergency", review_emergency),
    _patients("representatives", proxies.representatives, "GET"),
    _patients("invite-proxy", proxies.invite_proxy),
    _patients("proxy-invitation", proxies.proxy_invitation),
    _patients("accept-proxy", proxies.accept_proxy),
    _patients("end-representation", proxies.end_representation),
    _patient("link", relink.link_registration),
    _patient("unlink", relink.unlink_registration),
    _patient("merge", relink.merge_persons),
    _patient("unmerge", relink.unmerge_persons),
    _patient("not-duplicate", relink.mark_not_duplicate),
    _patient("link-history", relink.link_history, "GET"),
    _patient("candidates", review.candidates, "GET"),
    _patients("reviews", review.reviews, "GET"),
    _patients("review", review.review, "GET"),
    _patients("decide-review", review.decide),
    _patients("second-reviews", review.second, "GET"),
    _patients("second-opinion", review.give_opinion),
    _patients("reviewer-agreement", review.agreement, "GET"),
)
