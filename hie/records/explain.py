"""Why an entry is shown to a clinician or hidden: for the resident's own record, and for auditors.

The answer comes from the same conditions that every statement carries, asked about one row.
"""

from typing import NamedTuple

from hie.access.caller import Caller
from hie.access.clause import STAFF
from hie.access.denials import reader_name
from hie.access.policy import restriction
from hie.auth.scopes import Scope
from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES, type_number
from hie.kit.db import Connection
from hie.mpi.people import KEYS_OF
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.fetch import missing
from hie.records.representation import require_deciding
from hie.search.restriction import condition

ENTRY = f"""
SELECT r.key, i.code, i.name FROM store.resource r
LEFT JOIN store.institution i ON i.number = r.institution
WHERE r.type = %s AND r.id = %s
  AND r.patient_key = ANY(ARRAY({KEYS_OF.format(persons="ARRAY[%s]")}))
"""
LABELS = "SELECT class FROM access.label WHERE key = %s ORDER BY class"
ACCOUNT = """
SELECT fhir_user, institution, display_name FROM auth.account
WHERE login = %s AND kind = 'staff'
"""
OPENINGS = """
SELECT o.reason, o.basis FROM access.opened_record o JOIN mpi.person p ON p.id = o.patient
WHERE o.account = %(account)s AND o.until > now() AND coalesce(p.merged_into, p.id) = (
    SELECT coalesce(a.merged_into, a.id) FROM mpi.person a WHERE a.id = %(person)s)
ORDER BY o.number
"""
CONFIRMED = """
SELECT count(*) FROM access.confirmation
WHERE account = %s AND until > now() AND person = %s
"""


CONCERNING = """
SELECT found.consent, found.place, found.excepted
FROM store.resource r, access.concerning(
    r.patient_key, r.key, r.type, r.institution, r.date_low, r.date_high, r.tokens,
    %(readers)s::text[], %(account)s) found
WHERE r.key = %(key)s
"""


class Applied(NamedTuple):
    """A denial that concerns the entry; `excepted`: one of its exceptions lets it be seen."""

    consent: str
    place: str
    excepted: bool


class Explanation(NamedTuple):
    """Everything that decides. `shown` and what concerns one reader only if a reader was named."""

    institution: str
    labels: list[str]
    denials: list[Applied]
    openings: list[tuple[str, str]]
    confirmed: bool
    shown: bool | None


def require_explained(caller: Caller, patient: str) -> None:
    """Problem 403 unless it is the caller's own record, or the caller is an auditor."""
    own = caller.kind == "resident" and caller.patient == patient
    if not own and "auditor" not in caller.roles:
        raise problem(
            403,
            "forbidden",
            "Only residents, about their own record, and auditors ask why something is shown",
            "只有居民本人（就其档案）与审计员可以查询可见性原因",
        )


async def explain_access(
    exchange: Exchange, caller: Caller, patient: str, reference: str, account: str
) -> Explanation:
    """Why the entry `reference` of the record is shown or hidden, to `account` or to anybody.

    Problem 403, 404 for an entry that is not of this record.
    """
    require_explained(caller, patient)
    type_name, _, logical_id = reference.partition("/")
    if type_name not in RESOURCE_TYPES:
        raise missing("Resource", reference[:80])
    async with exchange.store.database.connection() as connection:
        await require_deciding(connection, caller)
        cursor = await connection.execute(ENTRY, (type_number(type_name), logical_id, patient))
        row = await cursor.fetchone()
        if row is None:
            raise missing(type_name, logical_id)
        key, code, _ = row
        labels = [one[0] for one in await (await connection.execute(LABELS, (key,))).fetchall()]
        if account:
            found = await _for_reader(connection, key, patient, type_name, account)
        else:
            cursor = await connection.execute(
                CONCERNING, {"key": key, "readers": None, "account": None}
            )
            denials = [Applied(*one) for one in await cursor.fetchall()]
            found = Explanation("", [], denials, [], False, None)
    await exchange.audit.record(
        event(
            caller,
            "E",
            "explain-access",
            patient,
            entity_type=type_name,
            entity_id=logical_id,
        )
    )
    return found._replace(institution=code or "", labels=labels)


async def _for_reader(
    connection: Connection, key: int, patient: str, type_name: str, account: str
) -> Explanation:
    cursor = await connection.execute(ACCOUNT, (account,))
    row = await cursor.fetchone()
    if row is None:
        raise problem(
            404,
            "not-found",
            f"There is no member of staff '{account[:80]}'",
            f"没有工作人员账号“{account[:80]}”",
            "account",
        )
    user, institution, _ = row
    readers = [STAFF, *([reader_name(institution)] if institution is not None else [])]
    readers += [user] if user else []
    values = {"key": key, "account": account, "person": patient, "readers": readers}
    denials = await (await connection.execute(CONCERNING, values)).fetchall()
    openings = await (await connection.execute(OPENINGS, values)).fetchall()
    confirmed = await (await connection.execute(CONFIRMED, (account, patient))).fetchone()
    clinician = Caller(
        "staff",
        "explain-access",
        (Scope("user", "*", "rs"),),
        account=account,
        user=user,
        institution=institution,
        roles=frozenset({"clinician"}),
    )
    text, named = condition(restriction(clinician, "r"), type_name)
    cursor = await connection.execute(
        f"SELECT count(*) FROM store.resource r WHERE r.key = %(key)s AND {text}".encode(),
        {**named, "key": key},
    )
    shown = await cursor.fetchone()
    return Explanation(
        "",
        [],
        [Applied(*one) for one in denials],
        [(one[0], one[1]) for one in openings],
        bool(confirmed and confirmed[0]),
        bool(shown and shown[0]),
    )
