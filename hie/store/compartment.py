"""All current resources of some patients, and rows by id. https://hl7.org/fhir/R4/operation-patient-everything.html"""

from collections.abc import Collection, Sequence

from psycopg.rows import class_row

from hie.fhir.dates import Range
from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.store.read import ROW_COLUMNS, Condition, Row

OF_PATIENTS = f"""
SELECT {ROW_COLUMNS} FROM store.resource r
WHERE r.patient_key = ANY(ARRAY({{patients}}))
  AND (r.patient_key, r.key) > (%(after_patient)s, %(after_key)s)
  AND (%(wanted)s::smallint[] IS NULL OR r.type = ANY(%(wanted)s))
  AND (%(since)s::timestamptz IS NULL OR r.last_updated >= %(since)s)
  AND {{care}}
  AND {{condition}}
ORDER BY r.patient_key, r.key LIMIT %(limit)s
"""

# A Patient's date is the birth; what has no date of care belongs to any time.
DURING = f"""
(r.date_low IS NULL OR r.type = {type_number("Patient")}
 OR (r.date_low < %(care_high)s AND r.date_high > %(care_low)s))
"""

BY_ID = f"""
SELECT {ROW_COLUMNS}
FROM unnest(%(type_numbers)s::smallint[], %(ids)s::text[]) AS wanted (type, id)
JOIN store.resource r USING (type, id)
WHERE {{condition}}
"""

PATIENT_OF_KEY = (
    "(SELECT x.id FROM store.resource x "
    f"WHERE x.patient_key = {{key}} AND x.type = {type_number('Patient')} LIMIT 1)"
)
"""The id of the Patient that stands under the key `{key}`; NULL where there is none."""


async def of_patients(
    connection: Connection,
    patients: Condition,
    condition: Condition,
    *,
    after: tuple[int, int] = (-(2**63), 0),
    wanted: Sequence[int] | None = None,
    since: object = None,
    care: Range | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Rows behind the place `after`, by patient and then in order of arrival.

    `patients` is a subselect of the patient keys whose rows are asked for, `care` the time in which
    care was given.
    """
    during, times = "true", {}
    if care is not None:
        during, times = DURING, {"care_low": care.low, "care_high": care.high}
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            OF_PATIENTS.format(patients=patients.sql, care=during, condition=condition.sql),
            {
                **times,
                **condition.values,
                **patients.values,
                "after_patient": after[0],
                "after_key": after[1],
                "wanted": None if wanted is None else list(wanted),
                "since": since,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def by_id(
    connection: Connection, ids: Collection[tuple[int, str]], condition: Condition
) -> list[Row]:
    """The current rows among (type number, id) that satisfy the condition."""
    if not ids:
        return []
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            BY_ID.format(condition=condition.sql),
            {
                **condition.values,
                "type_numbers": [t for t, _ in ids],
                "ids": [i for _, i in ids],
            },
        )
        return await cursor.fetchall()
