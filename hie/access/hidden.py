"""Which rows a reader does not see although policy would show them: consents and sensitive labels.

The condition is part of every statement, before limits and counts. It costs a reader of records
without restrictions next to nothing: whether any of the persons in reach has one is asked once a
statement, and only rows of those who have are looked at further. What a rule of a consent asks of a
row stands in the functions of the schema `access` (migration 0021): the plan of a statement that has
nothing to hide does not carry it. Codes and dates of superseded versions are not kept; there these
conditions are neither met nor not, which counts for the resident.
"""

from collections.abc import Collection

from hie.mpi.people import PERSON_OF_KEY
from hie.search.sql import Sql, Ways, any_of

RESTRICTED = "r.patient_key = ANY((SELECT access.restricted_keys(ARRAY({reached})))::bigint[])"
"""Whether any of the persons in reach has a consent that hides something: asked once a statement."""
RESTRICTS = f"""
(SELECT true FROM (SELECT {PERSON_OF_KEY.format(key="r.patient_key")} OFFSET 0) AS holder (person)
 WHERE (SELECT true FROM access.denial d WHERE d.person = holder.person LIMIT 1)
    OR (SELECT true FROM mpi.person part JOIN access.denial d ON d.person = part.id
        WHERE part.merged_into = holder.person LIMIT 1)) IS TRUE
"""
"""The same of the one person whom the row concerns."""
DENIED = """
AND access.denied(r.patient_key, r.key, r.type, r.institution, r.date_low, r.date_high, r.tokens,
                  %s::text[], %s)
"""
# As a value and not by EXISTS, of which the planner may make a list of all labels.
SENSITIVE = """
(SELECT true FROM access.label l WHERE l.key = r.key LIMIT 1) IS TRUE
AND access.unconfirmed(r.patient_key, %s)
"""


def denied(reached: Sql, readers: Collection[str], account: str | None) -> Ways:
    """The condition that a consent hides row `r` from the reader.

    `reached`: a subselect of the golden ids in the reader's reach; `readers`: every name under which
    a consent may address the reader; `account`: whose openings say for which purposes.
    """
    reader = (list(readers), account)
    restricted = RESTRICTED.replace("{reached}", reached.text)
    return Ways(
        Sql(f"{restricted} {DENIED}", (*reached.values, *reader)), Sql(RESTRICTS + DENIED, reader)
    )


def unconfirmed(account: str) -> Sql:
    """The condition that row `r` is sensitive and the account has not confirmed a second time."""
    return Sql(SENSITIVE, (account,))


def either(condition: Sql, other: Sql | Ways) -> Ways:
    """Both hide."""
    ways = other if isinstance(other, Ways) else Ways(other, other)
    return Ways(*(any_of((condition, way)) for way in ways))
