"""`_summary` and `_elements` of a request. https://hl7.org/fhir/R4/search.html#summary"""

from collections.abc import Sequence

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES, member, type_definition
from hie.fhir.subset import SUMMARIES, WHOLE, Subset

NAMES = frozenset(("_summary", "_elements"))
KNOWN_TYPES = frozenset(RESOURCE_TYPES)


def subset_of(
    pairs: Sequence[tuple[str, str]], type_name: str | None, *, counting: bool = False
) -> Subset:
    """The part that the parameters ask for. Names without a type belong to `type_name`, if given.

    `counting` says that the number alone can be asked for. Problem 400 for a value that R4 does not
    define here, an element that the type does not have, and both parameters at once.
    """
    asked = [(name, value) for name, value in pairs if name in NAMES and value]
    if not asked:
        return WHOLE
    if len(asked) > 1:
        raise problem(
            400,
            "invalid",
            "_summary and _elements say different things; send one of them once",
            "_summary 与 _elements 含义不同，只能使用其中一个且仅一次",
            "_summary",
        )
    name, value = asked[0]
    return _summary(value, counting=counting) if name == "_summary" else _elements(value, type_name)


def _summary(value: str, *, counting: bool) -> Subset:
    possible = [summary for summary in SUMMARIES if counting or summary != "count"]
    for summary in possible:
        if value == summary:
            return Subset(summary)
    raise problem(
        400,
        "invalid",
        f"_summary={value[:40]} is none of {', '.join(possible)}",
        f"_summary={value[:40]} 无效，可用：{'、'.join(possible)}",
        "_summary",
    )


def _elements(value: str, type_name: str | None) -> Subset:
    elements: dict[str, set[str]] = {}
    for name in value.split(","):
        prefix, dot, plain = name.strip().partition(".")
        owner = prefix if dot else type_name or ""
        element = (plain if dot else prefix).removesuffix("[x]")
        known = _known(owner, element) if owner in KNOWN_TYPES else None
        if owner and known is None:
            raise problem(
                400,
                "invalid",
                f"_elements: {owner[:40]} has no element '{element[:40]}'",
                f"_elements：{owner[:40]} 没有元素“{element[:40]}”",
                "_elements",
            )
        elements.setdefault(owner, set()).add(known or element)
    return Subset(elements={owner: frozenset(names) for owner, names in elements.items()})


def _known(owner: str, name: str) -> str | None:
    """The element's own name, also if it is a choice and named with its type (`valueQuantity`)."""
    if name in type_definition(owner).elements:
        return name
    found = member(owner, name)
    return found[0].name if found else None
