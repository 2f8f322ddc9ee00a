"""U+0000, which no text of FHIR holds and PostgreSQL cannot keep.

https://hl7.org/fhir/R4/datatypes.html#string
"""

from starlette.requests import Request

from hie.errors import Problem, problem

ENCODED = b"%00"


def require_text(request: Request) -> None:
    """Problem 400 for an address with U+0000 anywhere in it."""
    scope = request.scope
    if "\0" in scope["path"] or ENCODED in scope["query_string"]:
        raise no_text("The address", "地址")


def no_text(en: str, zh: str, expression: str | None = None) -> Problem:
    """The Problem of a value with U+0000; `en` and `zh` say which."""
    return problem(
        400, "value", f"{en} holds the character U+0000", f"{zh}含有字符 U+0000", expression
    )
