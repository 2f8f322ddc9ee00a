"""Whether a password may be chosen: long enough, hard to guess, in no list of those that were stolen.

How hard it is to guess is estimated offline by zxcvbn, from the commonest passwords, words, names,
keyboard patterns, dates and repetitions; kinds of characters are not asked for. OWASP ASVS 5.0 section
6.2, https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver,
https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/wheeler
"""

import os
from collections.abc import Collection
from hashlib import sha1
from pathlib import Path
from typing import BinaryIO

from hie.kit.pinyin import syllables

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
FEWEST_GUESSES = 10**9
LONGEST_ESTIMATED = 64
"""The estimate takes time with the square of the length; what is longer is judged by its beginning."""

# What Chinese speakers choose and lists of English origin lack: "love you", "for ever", "my password".
_COMMON = (
    *("woaini", "aini", "wodemima", "mima", "5201314", "1314520", "520", "1314", "wo1314"),
    *("yisheng", "hushi", "yiyuan", "jiankang", "dangan"),
)
_LINE = 128
"""Longer than a line of the list: 40 hexadecimal digits, a colon and a count."""


def _words(about: Collection[str]) -> list[str]:
    """The person's own words, names also as they are typed in Latin letters."""
    spoken = [syllables(one) for one in about]
    joined = ["".join(each) for each in spoken]
    initials = ["".join(one[:1] for one in each) for each in spoken]
    return [*about, *joined, *(one for one in initials if len(one) > 1)]


def _line_after(file: BinaryIO, position: int) -> bytes:
    """The first whole line that begins at or after the position."""
    if position == 0:
        file.seek(0)
    else:
        file.seek(position - 1)
        file.readline(_LINE)
    return file.readline(_LINE)


def is_breached(password: str, listed: Path) -> bool:
    """Whether the password is in the list: SHA-1 in hexadecimal, one a line, in order.

    It is the form in which Have I Been Pwned publishes: https://haveibeenpwned.com/Passwords
    """
    wanted = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with listed.open("rb") as file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while low < high:
            middle = (low + high) // 2
            if (found := _line_after(file, middle)) and found[:40].upper() < wanted:
                low = middle + 1
            else:
                high = middle
        return _line_after(file, low)[:40].upper() == wanted


def check_password(
    password: str, *, about: Collection[str] = (), breached: Path | None = None
) -> None:
    """Raise `ValueError` for a password that is too short, too long, easy to guess or known to thieves.

    `about` is what belongs to the person: login and name. `breached` is a list (`is_breached`).
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    plain = password.casefold()
    own = _words(about)
    if any(len(word) > 3 and word.casefold() in plain for word in own):
        raise ValueError("a password does not hold one's own name")
    # Its lists of words take 9 MB, which most processes never need.
    from zxcvbn import zxcvbn

    estimate = zxcvbn(password[:LONGEST_ESTIMATED], user_inputs=[*own, *_COMMON])
    if estimate["guesses"] < FEWEST_GUESSES:
        raise ValueError("the password is easy to guess")
    if breached is not None and is_breached(password, breached):
        raise ValueError("the password is in a list of stolen ones")
