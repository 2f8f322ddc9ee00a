"""Whether a clinician treats a resident: what opens a record without breaking glass.

- The resident was, or is to be, at the clinician's institution: an Encounter that took place there in
  the last days, or a referral (ServiceRequest) to it. https://hl7.org/fhir/R4/encounter.html
- The institution has signed the resident as family doctor: an active EpisodeOfCare that it manages.
  A contract for care over time is what EpisodeOfCare is for ("an association between a patient and
  an organization during which healthcare responsibility is assumed"), whereas Contract is about
  legal instruments. https://hl7.org/fhir/R4/episodeofcare.html
- The resident is present and has said their code.

All is asked of the store itself at the moment of opening; nothing is kept that could be out of date.
"""

from datetime import timedelta

from hie.fhir.definitions import type_number
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.mpi.people import KEYS_OF
from hie.search.hashes import code_alone, name_hash
from hie.search.parameters import kept

TOOK_PLACE = ("arrived", "triaged", "in-progress", "onleave", "finished")
FORWARD = timedelta(days=1)

_KEYS = KEYS_OF.format(persons="ARRAY[%(person)s]")

RELATIONSHIP = f"""
WITH own (keys) AS MATERIALIZED (SELECT ARRAY({_KEYS}))
SELECT basis FROM (
    SELECT 'authorisation' AS basis, 1 AS rank FROM access.authorisation a
    WHERE a.person = %(person)s AND a.account = %(account)s AND a.until > now()
  UNION ALL
    SELECT 'contract', 2 FROM own, store.resource r
    WHERE r.patient_key = ANY(own.keys) AND r.type = %(episode)s
      AND r.institution = %(institution)s AND r.tokens @> ARRAY[%(active)s::bigint]
      AND r.date_low <= now() AND r.date_high > now()
  UNION ALL
    SELECT 'encounter', 3 FROM own, store.resource r
    WHERE r.patient_key = ANY(own.keys) AND r.type = %(encounter)s
      AND r.institution = %(institution)s AND r.tokens && %(took_place)s::bigint[]
      AND r.date_low <= %(latest)s AND r.date_high >= %(since)s
  UNION ALL
    SELECT 'referral', 4 FROM own, store.resource r
    WHERE r.patient_key = ANY(own.keys) AND r.type = %(request)s
      AND r.tokens @> ARRAY[%(active_request)s::bigint]
      AND r.date_low <= %(latest)s AND r.date_high >= %(since)s
      AND r.tokens && ARRAY(
          SELECT %(performer)s # o.patient_key FROM store.resource o
          WHERE o.type = %(organization)s AND o.institution = %(institution)s)
) found ORDER BY rank LIMIT 1
"""


def _token(hasher: Hasher, type_name: str, parameter: str, code: str) -> int:
    (kept_as,) = kept(type_name)[parameter]
    return name_hash(hasher, kept_as.index_name) ^ hasher(code_alone(code))


async def relationship(
    connection: Connection,
    hasher: Hasher,
    *,
    person: str,
    account: str,
    institution: int | None,
    days: int,
) -> str | None:
    """Why the clinician treats the person: authorisation, contract, encounter or referral; or None.

    `days`: for how long after an encounter or a referral its institution still treats the person.
    """
    (performer,) = kept("ServiceRequest")["performer"]
    cursor = await connection.execute(
        RELATIONSHIP,
        {
            "person": person,
            "account": account,
            "institution": institution,
            "since": now() - timedelta(days=days),
            "latest": now() + FORWARD,
            "episode": type_number("EpisodeOfCare"),
            "encounter": type_number("Encounter"),
            "request": type_number("ServiceRequest"),
            "organization": type_number("Organization"),
            "active": _token(hasher, "EpisodeOfCare", "status", "active"),
            "active_request": _token(hasher, "ServiceRequest", "status", "active"),
            "took_place": [_token(hasher, "Encounter", "status", code) for code in TOOK_PLACE],
            "performer": name_hash(hasher, performer.index_name),
        },
    )
    row = await cursor.fetchone()
    return row[0] if row else None
