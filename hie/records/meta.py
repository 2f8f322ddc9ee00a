"""The `meta` that the exchange sets on every resource. https://hl7.org/fhir/R4/resource.html#Meta

What the sender put there stays, but for the version, the time, and the tag that names the owner.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from hie.kit.clock import instant

INSTITUTION_SYSTEM = "urn:hie:institution"
CONTRIBUTION_SYSTEM = "urn:hie:contribution"
CONTRIBUTION = {"system": CONTRIBUTION_SYSTEM, "code": "resident", "display": "居民本人填报"}


def meta_for(
    sent: dict[str, Any] | None,
    *,
    version: int,
    last_updated: datetime,
    institution_code: str,
    institution_name: str,
    contributed: bool = False,
    labels: Collection[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The stored `meta`: the sender's profile, security and tags, with version, time and owner.

    `contributed`: a resident wrote it; nobody else's entries can pass for that. `labels`: security
    labels that the exchange itself puts on it.
    """
    sent = sent or {}
    owner = {"system": INSTITUTION_SYSTEM, "code": institution_code, "display": institution_name}
    reserved = (INSTITUTION_SYSTEM, CONTRIBUTION_SYSTEM)
    tags = [tag for tag in sent.get("tag", ()) if tag.get("system") not in reserved]
    if contributed:
        tags.append(CONTRIBUTION)
    source = None if contributed else sent.get("source")
    security = list(sent.get("security", ()))
    stated = {(one.get("system"), one.get("code")) for one in security}
    security += [one for one in labels if (one["system"], one["code"]) not in stated]
    own = ("versionId", "lastUpdated", "source", "security", "tag")
    return {
        "versionId": str(version),
        "lastUpdated": instant(last_updated),
        "source": source or f"{INSTITUTION_SYSTEM}:{institution_code}",
        **{k: v for k, v in sent.items() if k not in own},
        **({"security": security} if security else {}),
        "tag": [*tags, owner],
    }
