"""Under which numbers a resource's row carries the codes and references that a consent names.

The rows' token arrays are those of the search index (`hie.search.hashes`), so a rule of a consent
reads what a search reads, and no second index is kept.
"""

from functools import cache

from hie.access.clause import Mark
from hie.fhir.definitions import RESOURCE_TYPES, patient_compartment
from hie.kit.hashing import Hasher
from hie.search.hashes import code_alone, name_hash, resource_hash, system_and_code
from hie.search.parameters import Parameter, kept, parameters

# The parameters that say what a resource is about, and not how far it has come or who took part.
WHAT = frozenset(
    (
        *("code", "component-code", "value-concept", "component-value-concept", "category", "type"),
        *("class", "class-type", "vaccine-code", "vaccine-type", "target-disease", "event"),
        *("finding-code", "reason-code", "reason", "evidence", "manifestation", "conclusion"),
        *("activity-code", "service-type", "service-category", "appointment-type", "specialty"),
        *("setting", "section", "context", "gene-identifier", "oraldiet", "modality"),
    )
)
LABELS = frozenset({"_security", "security-label"})


@cache
def _names(kind: str, target: str | None) -> frozenset[str]:
    found: set[str] = set()
    for type_name in RESOURCE_TYPES:
        if not patient_compartment(type_name):
            continue
        for code, parameter in parameters(type_name).items():
            if _concerns(kind, code, parameter, target):
                found.update(part.index_name for part in kept(type_name)[code])
    return frozenset(found)


def _concerns(kind: str, code: str, parameter: Parameter, target: str | None) -> bool:
    if kind == "about":
        return parameter.kind == "reference" and target in parameter.targets
    return parameter.kind == "token" and code in (WHAT if kind == "code" else LABELS)


def tokens_of(hasher: Hasher, mark: Mark) -> set[int]:
    """The numbers of which a row that carries the mark has one in its token array."""
    if mark.kind == "about":
        half = resource_hash(hasher, mark.value)
        names = _names("about", mark.value.partition("/")[0])
    else:
        alone = mark.system is None
        text = code_alone(mark.value) if alone else system_and_code(mark.system or "", mark.value)
        half = hasher(text)
        names = _names(mark.kind, None)
    return {name_hash(hasher, name) ^ half for name in names}
