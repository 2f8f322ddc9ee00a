"""`docs/cli.md` is what the commands say of themselves."""

from cli_document import DOCUMENT, render


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), (
        "write it anew: python tests/docs/cli_document.py"
    )
