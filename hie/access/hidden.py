"""Which rows a reader does not see although policy would show them: consents, as a condition in SQL.

The condition is part of every statement, before limits and counts. It costs a reader of records
without restrictions next to nothing: whether any of the persons in reach has one is asked once a
statement, and only rows of those who have are looked at further.
"""

from collections.abc import Collection

from hie.mpi.people import KEYS_OF, PERSON_OF_KEY
from hie.search.sql import Sql

_RESTRICTED = """
SELECT asked.id FROM mpi.person asked
WHERE asked.id IN ({reached}) AND EXISTS (
    SELECT FROM mpi.person part JOIN access.denial d ON d.person = part.id
    WHERE part.id = coalesce(asked.merged_into, asked.id)
       OR part.merged_into = coalesce(asked.merged_into, asked.id)
)
"""

# Codes and dates of superseded versions are not kept: there these terms are NULL, neither met nor not.
APPLIES = """(
    ({rule}.valid_from IS NULL OR {rule}.valid_from <= now())
AND ({rule}.valid_to IS NULL OR {rule}.valid_to > now())
AND ({rule}.types IS NULL OR r.type = ANY({rule}.types))
AND ({rule}.keys IS NULL OR r.key = ANY({rule}.keys))
AND ({rule}.custodians IS NULL OR r.institution = ANY({rule}.custodians))
AND ({rule}.recipients IS NULL OR (
    SELECT bool_and({rule}.recipients[line:line] && {readers})
    FROM generate_subscripts({rule}.recipients, 1) line))
AND ({rule}.purposes IS NULL OR (
    SELECT bool_and({rule}.purposes[line:line] && {purposes})
    FROM generate_subscripts({rule}.purposes, 1) line))
AND ({rule}.dates_from IS NULL OR (
    SELECT bool_and(r.date_low < span.until AND r.date_high > span.since)
    FROM unnest({rule}.dates_from, {rule}.dates_to) span (since, until)))
AND ({rule}.marks IS NULL OR (
    SELECT bool_and(r.tokens && {rule}.marks[line:line])
    FROM generate_subscripts({rule}.marks, 1) line))
)"""

DENIED = f"""
r.patient_key = ANY(ARRAY({KEYS_OF.format(persons=f"ARRAY({_RESTRICTED})")})) AND EXISTS (
    SELECT FROM (SELECT {PERSON_OF_KEY.format(key="r.patient_key")} AS id) concerned
    JOIN mpi.person part ON part.id = concerned.id OR part.merged_into = concerned.id
    JOIN access.denial d ON d.person = part.id
    WHERE {APPLIES.replace("{rule}", "d")} IS NOT FALSE
      AND NOT EXISTS (
          SELECT FROM access.exception e
          WHERE e.denial = d.number AND {APPLIES.replace("{rule}", "e")} IS TRUE
      )
)"""


def denied(reached: Sql, readers: Collection[str], purposes: Sql) -> Sql:
    """The condition that a consent hides row `r` from the reader.

    `reached`: a subselect of the golden ids in the reader's reach; `readers`: every name under which
    a consent may address the reader; `purposes`: an SQL array of the purposes for which the reader
    reads the record of the person `concerned.id`.
    """
    names = list(readers)
    text = DENIED.replace("{reached}", reached.text)
    # The same two terms stand in the conditions of the rule and of its exceptions.
    text = text.replace("{readers}", "%s::text[]").replace("{purposes}", purposes.text)
    once = (names, *purposes.values)
    return Sql(text, (*reached.values, *once, *once))
