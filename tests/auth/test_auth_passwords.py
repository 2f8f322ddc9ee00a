"""Which passwords may be chosen. OWASP ASVS 5.0: 6.2.1, 6.2.4, 6.2.5, 6.2.9, 6.2.11, 6.2.12"""

from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.auth.passwords import LONGEST_PASSWORD, check_password, is_breached

ABOUT = ("zhang.minghua", "张明华")


@pytest.mark.parametrize(
    "password",
    [
        "short-Kq7#",  # 6.2.1
        "x" * (LONGEST_PASSWORD + 1),
        *("password1234", "qwertyuiopas", "1qaz2wsx3edc", "P@ssw0rd2024!!", "iloveyou12345"),
        *("123456789012", "aaaaaaaaaaaab", "abcabcabcabcabc", "19580101-1958"),
        *("woaini1314520", "5201314520131", "wodemima123456"),
        *("zhang.minghua!", "Zhangminghua-58", "ZhangMingHua.88", "minghuaminghua"),  # 6.2.11
    ],
)
def test_what_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        check_password(password, about=ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",  # 6.2.5: no kinds of characters are asked for
        "k7#Vq9pLw2zR",
        "雨后青山独自归 2019",
        "The kettle sang; nobody in the whole northern valley had paid for it. "
        * 2,  # 6.2.9: 64 and more
    ],
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    check_password(password, about=ABOUT)


@given(st.sets(st.text(min_size=1, max_size=12), max_size=60), st.text(max_size=12), st.booleans())
def test_the_list_holds_what_it_holds(
    tmp_path_factory: pytest.TempPathFactory, stolen: set[str], other: str, counted: bool
) -> None:
    listed = tmp_path_factory.mktemp("stolen") / "list"
    digests = sorted(
        sha1(one.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
        for one in stolen
    )
    listed.write_text("".join(f"{one}:7\r\n" if counted else f"{one}\n" for one in digests))
    for one in stolen:
        assert is_breached(one, listed)
    assert is_breached(other, listed) == (other in stolen)


def test_a_stolen_password_is_refused_however_good_it_looks(tmp_path: Path) -> None:
    password = "k7#Vq9pLw2zR"
    listed = tmp_path / "list"
    listed.write_text(sha1(password.encode(), usedforsecurity=False).hexdigest() + ":3\n")
    check_password(password, about=ABOUT)
    with pytest.raises(ValueError, match="stolen"):
        check_password(password, about=ABOUT, breached=listed)
