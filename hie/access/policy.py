"""From a caller to the restriction of every query. https://hl7.org/fhir/R4/security.html

- `patient/` scopes mean the person: the launch patient is the golden record, and its compartment is
  the union of all linked source records, resolved anew for every request.
- `user/` scopes of a clinician reach the golden Patients, to find somebody, and beyond them only
  the records that the clinician has opened with a reason.
- `system/` scopes of an institution reach what it has sent.
- Directory types (institutions, practitioners, …) are shared with everybody who has a scope on them.
"""

from collections.abc import Collection, Iterable

from hie.access.caller import EXCHANGE_INSTITUTION, Caller, Permission
from hie.access.opened_record import opened_patients
from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES, patient_compartment
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.mpi.people import linked
from hie.search.restriction import EVERYTHING, Restriction, Rule

# Resources that describe the district and not a person.
SHARED_TYPES = frozenset(
    (
        *("Organization", "OrganizationAffiliation", "Location", "HealthcareService", "Endpoint"),
        *("Practitioner", "PractitionerRole", "Medication", "Substance", "MedicationKnowledge"),
        *("CodeSystem", "ValueSet", "ConceptMap", "NamingSystem", "StructureDefinition"),
        *("SearchParameter", "Questionnaire", "PlanDefinition", "ActivityDefinition"),
    )
)
COMPARTMENT_TYPES = frozenset(t for t in RESOURCE_TYPES if patient_compartment(t)) | {"Patient"}


def allowed_types(caller: Caller, context: str, permission: Permission) -> frozenset[str]:
    """The types on which the caller's scopes of `context` (patient, user, system) grant it."""
    names: set[str] = set()
    for scope in caller.granting(permission):
        if scope.context == context:
            names |= set(RESOURCE_TYPES) if scope.type == "*" else {scope.type}
    return frozenset(names)


async def patient_keys(
    connection: Connection, hasher: Hasher, golden_ids: Collection[str]
) -> tuple[int, ...]:
    """The patient keys of the golden records and of every source record linked to them now."""
    if not golden_ids:
        return ()
    members = await linked(connection, golden_ids)
    ids = {*golden_ids, *(source for sources in members.values() for source in sources)}
    return tuple(sorted(hasher(f"Patient/{logical_id}") for logical_id in ids))


def _shared(types: frozenset[str]) -> Iterable[Rule]:
    shared = types & SHARED_TYPES
    return [Rule(types=shared)] if shared else []


async def _person_rules(
    connection: Connection, hasher: Hasher, caller: Caller, permission: Permission
) -> list[Rule]:
    types = allowed_types(caller, "patient", permission)
    if not types or caller.patient is None:
        return []
    keys = await patient_keys(connection, hasher, [caller.patient])
    return [Rule(types=types & COMPARTMENT_TYPES, patients=keys), *_shared(types)]


async def _user_rules(
    connection: Connection, hasher: Hasher, caller: Caller, permission: Permission
) -> list[Rule]:
    types = allowed_types(caller, "user", permission)
    if not types:
        return []
    rules = list(_shared(types))
    if caller.kind == "resident" and caller.user is not None:
        keys = await patient_keys(connection, hasher, [caller.user.removeprefix("Patient/")])
        rules.append(Rule(types=types & COMPARTMENT_TYPES, patients=keys))
    if caller.kind == "staff" and caller.account is not None:
        if "Patient" in types:
            rules.append(Rule(types=frozenset({"Patient"}), institution=EXCHANGE_INSTITUTION))
        opened = await opened_patients(connection, caller.account)
        if opened:
            keys = await patient_keys(connection, hasher, opened)
            rules.append(Rule(types=types & COMPARTMENT_TYPES, patients=keys))
    return rules


def _system_rules(caller: Caller, permission: Permission) -> list[Rule]:
    types = allowed_types(caller, "system", permission)
    if not types:
        return []
    every = types == frozenset(RESOURCE_TYPES)
    if caller.kind == "operator":
        return [Rule(types=None if every else types)]
    if caller.kind == "institution" and caller.institution is not None:
        own = Rule(types=None if every else types, institution=caller.institution)
        return [own, *_shared(types)]
    return []


async def restriction(
    connection: Connection, hasher: Hasher, caller: Caller, permission: Permission
) -> Restriction:
    """What the caller may see (`r` reads and history, `s` searches): the union of its scopes' rules."""
    rules = [
        *_system_rules(caller, permission),
        *await _person_rules(connection, hasher, caller, permission),
        *await _user_rules(connection, hasher, caller, permission),
    ]
    return EVERYTHING if Rule() in rules else Restriction(tuple(rules))


def require(caller: Caller, permission: Permission, type_name: str) -> None:
    """Raise a Problem 403 unless some scope of the caller grants the permission on the type."""
    if not caller.permits(permission, type_name):
        names = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
        raise problem(
            403,
            "forbidden",
            f"No granted scope allows '{names[permission]}' on {type_name}",
            f"所授权限范围不允许对 {type_name} 执行“{names[permission]}”",
        )
