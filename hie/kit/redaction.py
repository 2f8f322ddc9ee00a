"""Keeps secrets and identity numbers out of whatever is logged, by whomever.

Nobody means to log them; but an exception's text quotes values, and libraries log what they like.
https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html#data-to-exclude
"""

import io
import logging
import re
import traceback
from typing import Any

HIDDEN = "[hidden]"
_SECRETS = re.compile(
    r"\b(?:[1-9]\d{16}[\dXx]|[1-9]\d{14})\b"  # identity card numbers, GB 11643, and the older ones
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # signed tokens, RFC 7515
    r"|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"  # tokens, codes, cookies: 256 bits
    r"|\b1[3-9]\d{9}\b"  # mobile telephone numbers
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # name and password in an address
)


def redact(text: str) -> str:
    """The text without what identifies people or opens anything."""
    return _SECRETS.sub(HIDDEN, text)


class _Record(logging.LogRecord):
    """A record whose text is redacted before any handler sees it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        if self.exc_info and self.exc_info[0] is not None:
            # A formatter takes this text, if it is there, in place of making its own.
            written = io.StringIO()
            traceback.print_exception(*self.exc_info, file=written)
            self.exc_text = redact(written.getvalue().rstrip("\n"))

    def getMessage(self) -> str:  # noqa: N802 - the name of the library's method
        return redact(super().getMessage())


def install() -> None:
    """Redact every record that this process logs from now on."""
    logging.setLogRecordFactory(_Record)
