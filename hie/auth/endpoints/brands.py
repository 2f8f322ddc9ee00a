"""GET /smart/brands: under which names residents know what they can connect an app to. Public.

https://hl7.org/fhir/smart-app-launch/STU2.2/brands.html
One brand for each institution and one, the primary, for the exchange itself. All of them lead to the
same portal and the same FHIR endpoint, because the record of a resident is one.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps
from hie.auth.exchange import database_of, settings_of
from hie.kit.clock import instant
from hie.store.institutions import Institution, all_institutions

PATH = "/smart/brands"
PORTAL = "/resident"
KEEP = {"cache-control": "public, max-age=300"}

CORE = "http://hl7.org/fhir/StructureDefinition/"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
CATEGORIES = "http://hl7.org/fhir/smart-app-launch/CodeSystem/user-access-category"
ENDPOINT = {"reference": "Endpoint/fhir-r4"}
INSTITUTION_SYSTEM = "urn:hie:institution"


def primary_identifier(base: str) -> dict[str, str]:
    """The identifier of the exchange's own brand, which exactly one Organization carries."""
    return {"system": "urn:ietf:rfc:3986", "value": base}


def _endpoint(base: str) -> dict[str, Any]:
    return {
        "resourceType": "Endpoint",
        "id": "fhir-r4",
        "extension": [{"url": f"{CORE}endpoint-fhir-version", "valueCode": "4.0.1"}],
        "status": "active",
        "connectionType": {
            "system": f"{TERMINOLOGY}endpoint-connection-type",
            "code": "hl7-fhir-rest",
        },
        "name": "FHIR R4",
        "contact": [{"system": "url", "value": base}],
        "payloadType": [
            {"coding": [{"system": f"{TERMINOLOGY}endpoint-payload-type", "code": "none"}]}
        ],
        "address": f"{base}/fhir",
    }


def _portal(base: str) -> dict[str, Any]:
    return {
        "url": f"{CORE}organization-portal",
        "extension": [
            {"url": "portalName", "valueString": "我的健康我管理"},
            {
                "url": "portalDescription",
                "valueMarkdown": "居民查阅本人在各机构的健康档案 "
                "Residents' own records from all institutions",
            },
            {"url": "portalUrl", "valueUrl": base + PORTAL},
            {"url": "portalEndpoint", "valueReference": ENDPOINT},
        ],
    }


def _brand(base: str, institution: Institution) -> dict[str, Any]:
    itself = institution.number == 0
    identifier = {"system": INSTITUTION_SYSTEM, "value": institution.code}
    # Institutions have not told the exchange of a site for the public, and this is how to say so.
    unknown = {"extension": [{"url": f"{CORE}data-absent-reason", "valueCode": "asked-unknown"}]}
    return {
        "resourceType": "Organization",
        "id": "exchange" if itself else f"institution-{institution.number}",
        "extension": [_portal(base)],
        "identifier": [primary_identifier(base)] if itself else [identifier],
        "active": True,
        "type": [{"coding": [{"system": CATEGORIES, "code": "network" if itself else "clinical"}]}],
        "name": institution.name,
        "telecom": [{"system": "url", **({"value": base} if itself else {"_value": unknown})}],
        "endpoint": [ENDPOINT],
    }


def bundle(base: str, institutions: Sequence[Institution], changed: datetime) -> bytes:
    """The Bundle's JSON. `changed` is when an institution was last added or renamed."""
    resources = [*(_brand(base, one) for one in institutions), _endpoint(base)]
    return orjson.dumps(
        {
            "resourceType": "Bundle",
            "id": "brands",
            "type": "collection",
            "timestamp": instant(changed),
            "entry": [
                {"fullUrl": f"{base}/smart/{one['resourceType']}/{one['id']}", "resource": one}
                for one in resources
            ],
        }
    )


@for_apps
async def brands(request: Request) -> Response:
    """The Bundle, or 304 for an app that has it."""
    async with database_of(request).connection() as connection:
        institutions, changed = await all_institutions(connection)
    body = bundle(settings_of(request).public_base_url, institutions, changed)
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, tag.removeprefix("W/"), "*"}:
        return Response(status_code=304, headers={**KEEP, "etag": tag})
    return Response(body, media_type="application/fhir+json", headers={**KEEP, "etag": tag})
