"""From a caller to the restriction of every query. https://hl7.org/fhir/R4/security.html

- `patient/` scopes mean the person: the launch patient is the golden record, and its compartment is
  the union of all linked source records, resolved anew by every statement.
- `user/` scopes of a clinician reach the golden Patients, to find somebody, and beyond them only
  the records that the clinician has opened with a reason, without what the resident's consents
  hide. Who a resident is and which institutions know them is never hidden: finding the right person
  depends on it.
- `patient/` scopes in a clinician's hands (an app launched on a patient) reach that patient's record
  as far and as long as the clinician has opened it.
- A granular scope (`…?category=…`) opens, of what it would open without its condition, the rows that
  carry its marks.
- `system/` scopes of an institution reach what it has sent.
- Directory types (institutions, practitioners, …) are shared with everybody who has a scope on them.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from hie.access.caller import EXCHANGE_INSTITUTION, Caller, Permission
from hie.access.clause import REPRESENTATIVE, STAFF
from hie.access.denials import reader_name
from hie.access.hidden import denied, either, unconfirmed
from hie.access.opened_record import OPENED
from hie.access.representation import REPRESENTED
from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES, patient_compartment
from hie.mpi.people import KEY_OF, KEYS_OF, PERSON_OF_KEY
from hie.search.restriction import EVERYTHING, Restriction, Rule
from hie.search.sql import Sql, Ways

# Resources that describe the district and not a person.
SHARED_TYPES = frozenset(
    (
        *("Organization", "OrganizationAffiliation", "Location", "HealthcareService", "Endpoint"),
        *("Practitioner", "PractitionerRole", "Medication", "Substance", "MedicationKnowledge"),
        *("CodeSystem", "ValueSet", "ConceptMap", "NamingSystem", "StructureDefinition"),
        *("SearchParameter", "Questionnaire", "PlanDefinition", "ActivityDefinition"),
    )
)
# A Consent would tell what it hides; who looked at the record is for the resident and auditors.
UNSEEN_BY_STAFF = frozenset({"Patient", "Consent", "AuditEvent"})
# Who runs or guards the exchange has no need to know who its residents are.
FINDERS = frozenset({"clinician", "steward", "auditor"})
COMPARTMENT_TYPES = frozenset(t for t in RESOURCE_TYPES if patient_compartment(t)) | {"Patient"}


def allowed_types(caller: Caller, context: str, permission: Permission) -> frozenset[str]:
    """The types on which the caller's scopes of `context` (patient, user, system) grant it."""
    names: set[str] = set()
    for scope in caller.granting(permission):
        if scope.context == context:
            names |= set(RESOURCE_TYPES) if scope.type == "*" else {scope.type}
    return frozenset(names)


def _keys(persons: str, *values: object) -> Ways:
    """The patient keys of the persons of an array expression, as they are linked when it runs."""
    own = {"key": "r.patient_key", "person_of_key": PERSON_OF_KEY.format(key="r.patient_key")}
    # The one names the persons twice.
    return Ways(
        Sql(KEYS_OF.format(persons=persons), values),
        Sql(KEY_OF.format(persons=persons, **own), (*values, *values)),
    )


def keys_of(golden_id: str) -> Ways:
    """The patient keys of this person."""
    return _keys("%s::text[]", [golden_id])


def keys_of_opened(account: str) -> Ways:
    """The patient keys of the persons whose records are open to the account."""
    return _keys(f"ARRAY({OPENED})", account)


def _hidden(caller: Caller, account: str) -> Ways:
    """What stays hidden from this member of staff in a record that is open.

    Sensitive entries until a second confirmation; what consents hide even in an emergency.
    """
    readers = [STAFF]
    if caller.institution is not None:
        readers.append(reader_name(caller.institution))
    if caller.user is not None:
        readers.append(caller.user)
    consents = denied(Sql(OPENED, (account,)), readers, account)
    return either(unconfirmed(account), consents)


def _shared(types: frozenset[str]) -> Iterable[Rule]:
    shared = types & SHARED_TYPES
    return [Rule(types=shared)] if shared else []


def _person_rules(caller: Caller, permission: Permission) -> list[Rule]:
    types = allowed_types(caller, "patient", permission)
    if not types or caller.patient is None:
        return []
    if caller.kind == "staff":
        return _launched_by_staff(caller, types)
    if caller.representative is not None:
        return [
            *_represented(caller.patient, caller.representative, types),
            *_shared(types),
        ]
    own = Rule(types=types & COMPARTMENT_TYPES, patients=keys_of(caller.patient))
    return [own, *_shared(types)]


def _represented(person: str, representative: str, types: frozenset[str]) -> list[Rule]:
    """What somebody who acts for the person sees, as long as that lasts, and as far as it goes."""
    reached = Sql(REPRESENTED, (person, representative))
    patients = _keys(f"ARRAY({REPRESENTED})", *reached.values)
    readers = (REPRESENTATIVE, f"Patient/{representative}")
    hidden = denied(reached, readers, None)
    entries = (types & COMPARTMENT_TYPES) - {"Patient", "Consent", "AuditEvent"}
    rules = [
        Rule(types=entries, patients=patients, hidden=hidden),
        Rule(types=types & {"Patient"}, patients=patients),
    ]
    # The restrictions are the person's own matter, unless the representative may decide on them.
    deciding = _keys(f"ARRAY({REPRESENTED} AND 'consent' = ANY(actions))", *reached.values)
    return [*rules, Rule(types=types & {"Consent"}, patients=deciding)]


def _launched_by_staff(caller: Caller, types: frozenset[str]) -> list[Rule]:
    """An app on one patient in a clinician's hands: no more than the clinician, nor for longer."""
    if caller.account is None or caller.patient is None:
        return []
    patient = _keys(f"ARRAY({OPENED} AND patient = %s)", caller.account, caller.patient)
    records = (types & COMPARTMENT_TYPES) - UNSEEN_BY_STAFF
    rules = [*_shared(types)]
    if "Patient" in types:
        rules.append(Rule(types=frozenset({"Patient"}), patients=patient))
    rules.append(Rule(types=records, patients=patient, hidden=_hidden(caller, caller.account)))
    return rules


def _user_rules(caller: Caller, permission: Permission) -> list[Rule]:
    types = allowed_types(caller, "user", permission)
    if not types:
        return []
    rules = list(_shared(types))
    if caller.kind == "resident" and caller.user is not None:
        own = keys_of(caller.user.removeprefix("Patient/"))
        rules.append(Rule(types=types & COMPARTMENT_TYPES, patients=own))
    if caller.kind == "staff" and caller.account is not None:
        if "Patient" in types and caller.roles & FINDERS:
            rules.append(Rule(types=frozenset({"Patient"}), institution=EXCHANGE_INSTITUTION))
        opened = keys_of_opened(caller.account)
        if "Patient" in types:
            rules.append(Rule(types=frozenset({"Patient"}), patients=opened))
        records = (types & COMPARTMENT_TYPES) - UNSEEN_BY_STAFF
        rules.append(Rule(types=records, patients=opened, hidden=_hidden(caller, caller.account)))
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


def restriction(caller: Caller, permission: Permission) -> Restriction:
    """What the caller may see (`r` reads and history, `s` searches): the union of its scopes' rules.

    Needs no query: what depends on data is a part of the statement that the restriction goes into.
    So it is the same for all requests of one grant.
    """
    return _restriction(caller.standing, permission)


def _rules(caller: Caller, permission: Permission) -> list[Rule]:
    return [
        *_system_rules(caller, permission),
        *_person_rules(caller, permission),
        *_user_rules(caller, permission),
    ]


@lru_cache(maxsize=2000)
def _restriction(caller: Caller, permission: Permission) -> Restriction:
    rules = _rules(caller, permission)
    for scope, marks in caller.granting_parts(permission):
        # What the same scope without its condition would open, and of that the part.
        whole = replace(caller, scopes=(replace(scope, query=()),), parts=())
        rules += [replace(rule, marks=marks) for rule in _rules(whole, permission)]
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
