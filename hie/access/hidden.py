"""Which rows a reader does not see although policy would show them: consents and sensitive labels.

The condition is part of every statement, before limits and counts. It costs a reader of records
without restrictions next to nothing: whether any of the persons in reach has one is asked once a
statement, and only rows of those who have are looked at further. What a rule of a consent asks of a
row stands in the functions of the schema `access` (migration 0021): the plan of a statement that has
nothing to hide does not carry it. Codes and dates of superseded versions are not kept; there these
conditions are neither met nor not, which counts for the resident.
"""

from collections.abc import Collection

from hie.search.sql import Sql

DENIED = """
r.patient_key = ANY((SELECT access.restricted_keys(ARRAY({reached})))::bigint[])
AND access.denied(r.patient_key, r.key, r.type, r.institution, r.date_low, r.date_high, r.tokens,
                  %s::text[], %s)
"""
SENSITIVE = """
EXISTS (SELECT FROM access.label l WHERE l.key = r.key) AND access.unconfirmed(r.patient_key, %s)
"""


def denied(reached: Sql, readers: Collection[str], account: str | None) -> Sql:
    """The condition that a consent hides row `r` from the reader.

    `reached`: a subselect of the golden ids in the reader's reach; `readers`: every name under which
    a consent may address the reader; `account`: whose openings say for which purposes.
    """
    text = DENIED.replace("{reached}", reached.text)
    return Sql(text, (*reached.values, list(readers), account))


def unconfirmed(account: str) -> Sql:
    """The condition that row `r` is sensitive and the account has not confirmed a second time."""
    return Sql(SENSITIVE, (account,))
