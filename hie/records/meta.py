"""The `meta` that the exchange sets on every resource. https://hl7.org/fhir/R4/resource.html#Meta

What the sender put there stays, but for the version, the time, and the tag that names the owner.
"""

from datetime import datetime
from typing import Any

from hie.kit.clock import instant

INSTITUTION_SYSTEM = "urn:hie:institution"
CONTRIBUTION_SYSTEM = "urn:hie:contribution"
EXCHANGE = "exchange"
"""The code of the exchange among the institutions."""


def meta_for(
    sent: dict[str, Any] | None,
    *,
    version: int,
    last_updated: datetime,
    institution_code: str,
    institution_name: str,
) -> dict[str, Any]:
    """The stored `meta`: the sender's profile, security and tags, with version, time and owner."""
    sent = sent or {}
    owner = {"system": INSTITUTION_SYSTEM, "code": institution_code, "display": institution_name}
    # A sender cannot pass its own entries off as a resident's.
    kept = () if institution_code != EXCHANGE else (CONTRIBUTION_SYSTEM,)
    reserved = {INSTITUTION_SYSTEM, CONTRIBUTION_SYSTEM}.difference(kept)
    tags = [tag for tag in sent.get("tag", ()) if tag.get("system") not in reserved]
    return {
        "versionId": str(version),
        "lastUpdated": instant(last_updated),
        "source": sent.get("source") or f"{INSTITUTION_SYSTEM}:{institution_code}",
        **{k: v for k, v in sent.items() if k not in ("versionId", "lastUpdated", "source", "tag")},
        "tag": [*tags, owner],
    }
