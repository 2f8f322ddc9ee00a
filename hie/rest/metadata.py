"""GET [base]/metadata: what this server really does. https://hl7.org/fhir/R4/capabilitystatement.html

Generated from the table of interactions that the routes are made of, and from the search registry.
"""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.fhir.definitions import RESOURCE_TYPES
from hie.fhir.patch import PATCH_TYPES
from hie.kit.clock import instant, now
from hie.rest.authenticate import exchange_of
from hie.rest.conditions import names
from hie.rest.interactions import SYSTEM_INTERACTIONS, TYPE_INTERACTIONS
from hie.rest.negotiate import FHIR_JSON, FHIR_XML
from hie.rest.operations.own import canonical
from hie.rest.operations.table import OPERATIONS
from hie.rest.respond import answer
from hie.rest.subset import subset_of
from hie.search.compartment import COMPARTMENTS
from hie.search.definitions import follow, while_known
from hie.search.implemented import implemented, includes, reverse_includes

TYPE = "CapabilityStatement"
STARTED = now()
OAUTH_EXTENSION = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition/"
DOCUMENTATION = """\
Resources come back as they were sent, but for `id`, `meta`, and references that a transaction resolves. What is sent with
elements that R4 does not define, or with values that it does not allow, is refused. A transaction is carried out
whole or not at all; a batch in the order of a transaction, each entry for itself. A sender changes only what it has
sent. Sending the same again makes no version. References are neither resolved nor enforced.

Searches also take `_has`, chains, `_include`, `_revinclude` (with `:iterate`), `_contained`, `_containedType`, `_sort`,
`_count`, `_total`, `_summary`, `_elements`; histories `_since`, `_at`, `_list`, `_count`, `_summary`, `_elements`.
Parameters that are not known are refused unless `Prefer: handling=lenient`. `Prefer: return=` takes `minimal`,
`representation` and `OperationOutcome`."""
SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def _operations(fhir_base: str, *types: str) -> list[dict[str, str]]:
    return [
        {"name": one.code, "definition": canonical(fhir_base, one)}
        for one in OPERATIONS
        if one.type in types
    ]


def _search_parameters(known: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [
        {"name": code, "type": kind, **({"definition": url} if url else {})}
        for code, kind, url in known
    ]


def _common() -> list[tuple[str, str, str]]:
    """The search parameters that every type has: those of searches of the whole system."""
    first, *others = RESOURCE_TYPES
    everywhere = set(implemented(first)).intersection(*map(implemented, others))
    return [
        ("_type", "special", ""),
        *(each for each in implemented(first) if each in everywhere),
    ]


def _resource(fhir_base: str, type_name: str, conditional_delete: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "type": type_name,
        "interaction": [{"code": one.code} for one in TYPE_INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": conditional_delete,
        "referencePolicy": ["literal", "logical"],
        "searchInclude": includes(type_name),
        "searchRevInclude": reverse_includes(type_name),
        "searchParam": _search_parameters(implemented(type_name)),
    }
    known["operation"] = _operations(fhir_base, type_name, "Resource")
    return {key: value for key, value in known.items() if value not in ([], "")}


@while_known
def capability_statement(public_base_url: str, conditional_delete: str) -> bytes:
    """The statement's JSON; made once for each process, and anew when a search parameter is added."""
    fhir_base = f"{public_base_url}/fhir"
    statement = {
        "resourceType": TYPE,
        "url": f"{fhir_base}/metadata",
        "name": "HealthInformationExchange",
        "title": "Regional health records exchange 区域健康信息交换平台",
        "status": "active",
        "date": instant(STARTED),
        "kind": "instance",
        "instantiates": [BULK_DATA],
        "software": {"name": "hie", "version": version("hie")},
        "implementation": {
            "description": "Regional health records exchange 区域健康信息交换平台",
            "url": fhir_base,
        },
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, "json", FHIR_XML, "xml"],
        "patchFormat": [*PATCH_TYPES, FHIR_XML],
        "rest": [
            {
                "mode": "server",
                "documentation": DOCUMENTATION,
                "security": {
                    "cors": True,
                    "service": [
                        {"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}
                    ],
                    "extension": [
                        {
                            "url": OAUTH_EXTENSION,
                            "extension": [
                                {
                                    "url": "authorize",
                                    "valueUri": f"{public_base_url}/oauth/authorize",
                                },
                                {"url": "token", "valueUri": f"{public_base_url}/oauth/token"},
                            ],
                        }
                    ],
                },
                "resource": [
                    _resource(fhir_base, type_name, conditional_delete)
                    for type_name in RESOURCE_TYPES
                ],
                "interaction": [{"code": code} for code in SYSTEM_INTERACTIONS],
                "searchParam": _search_parameters(_common()),
                "operation": _operations(fhir_base, "system"),
                "compartment": [f"{COMPARTMENT}{name.lower()}" for name in COMPARTMENTS],
            }
        ],
    }
    return orjson.dumps(statement)


async def metadata(request: Request) -> Response:
    """The CapabilityStatement, or a part of it; no token is needed to read it."""
    exchange = exchange_of(request)
    await follow(exchange.store.database)
    settings = exchange.settings
    statement = capability_statement(settings.public_base_url, settings.conditional_delete)
    subset = subset_of(request.query_params.multi_items(), TYPE)
    body = subset.of(TYPE, statement)
    # It "SHALL change if the returned resource changes": https://hl7.org/fhir/R4/http.html#capabilities
    tag = {"etag": f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'}
    if names(request.headers.get("if-none-match"), tag["etag"]):
        return Response(status_code=304, headers=tag)
    return answer(request, body, headers=tag)
