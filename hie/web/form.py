"""A form that was posted, as browsers write it; one that cannot be read is refused with the reason.

https://url.spec.whatwg.org/#application/x-www-form-urlencoded (no form of ours sends files)
"""

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from hie.auth.failures import OAuthError
from hie.auth.parameters import read_form
from hie.errors import Text

Form = ImmutableMultiDict[str, str]


class UnreadableForm(Exception):  # noqa: N818 - it is told to the reader
    """What came is no form, is too long or broke off."""

    def __init__(self, status: int, text: Text) -> None:
        super().__init__(text.en)
        self.status = status
        self.text = text


async def form_of(request: Request) -> Form:
    """The fields of the form. Raises `UnreadableForm`."""
    try:
        return ImmutableMultiDict(await read_form(request))
    except OAuthError as error:
        raise UnreadableForm(error.status, error.text) from error
