"""What the authorization server refuses, and how it says so.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1 and #section-5.2
"""

from hie.errors import Text


class OAuthError(Exception):
    """A refusal that an app reads: a JSON body, or parameters of a redirect."""

    def __init__(self, error: str, en: str, zh: str, status: int = 400) -> None:
        super().__init__(f"{error}: {en}")
        self.error = error
        self.text = Text(en, zh)
        self.status = status


class TooManyRequests(OAuthError):  # noqa: N818 - named as the status is
    """Asked too often: https://www.rfc-editor.org/rfc/rfc6585#section-4"""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "slow_down",
            f"Too many attempts. Wait {seconds} seconds and try again.",
            f"尝试次数过多，请 {seconds} 秒后再试。",
            429,
        )
        self.seconds = seconds


class RedirectedError(Exception):
    """A refusal that goes back to the app's own, already verified, redirect address."""

    def __init__(self, redirect_uri: str, state: str | None, cause: OAuthError) -> None:
        super().__init__(str(cause))
        self.redirect_uri = redirect_uri
        self.state = state
        self.cause = cause


class PageError(Exception):
    """A refusal that a person reads in the browser."""

    def __init__(self, status: int, en: str, zh: str) -> None:
        super().__init__(en)
        self.status = status
        self.text = Text(en, zh)
