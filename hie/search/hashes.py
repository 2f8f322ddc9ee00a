"""How the values of tokens, references and addresses become 64-bit numbers.

A number is the keyed hash of the parameter's name xor the keyed hash of the value. So the hash of a
value is computed once for all parameters, and SQL can go from the hash of a resource
(`Patient/123`, which is its patient key) to the number under which a reference to it is indexed.

The parts of a value are separated by U+001F, which no system address can contain.
"""

from hie.kit.hashing import Hasher

SEPARATOR = "\x1f"


def code_alone(code: str) -> str:
    """`code`: whatever its system."""
    return f"{SEPARATOR}{code.casefold()}"


def code_without_system(code: str) -> str:
    """`|code`: one that has no system."""
    return f"{SEPARATOR}{SEPARATOR}{code.casefold()}"


def system_alone(system: str) -> str:
    """`system|`: whatever its code."""
    return f"{system}{SEPARATOR}"


def system_and_code(system: str, code: str) -> str:
    """`system|code`"""
    return f"{system}{SEPARATOR}{code.casefold()}"


def token_texts(system: str | None, code: str | None) -> list[str]:
    """The texts under which a token is found, as few as the forms of a query need.

    Codes are compared without regard to case: "When in doubt, servers SHOULD treat tokens in a
    case-insensitive manner" (https://hl7.org/fhir/R4/search.html#token); systems exactly.
    """
    if system and code:
        return [code_alone(code), system_alone(system), system_and_code(system, code)]
    if code:
        return [code_alone(code), code_without_system(code)]
    return [system_alone(system)] if system else []


def name_hash(hasher: Hasher, index_name: str, form: str = "") -> int:
    """The half that says which parameter, and for some modifiers which form of it."""
    return hasher(f"{SEPARATOR}{index_name}:{form}")


def resource_hash(hasher: Hasher, reference: str) -> int:
    """The half for a literal reference; of `Patient/<id>` it is the patient key."""
    return hasher(reference)
