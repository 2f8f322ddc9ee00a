"""`docs/settings.md` says what `hie.settings` does."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from hie.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def rows() -> list[str]:
    """The table as it must be, a row for each setting in the order of the fields."""
    result = []
    for name, field in Settings.model_fields.items():
        assert field.default is not PydanticUndefined
        default = "" if field.default is None else f"`{field.default}`"
        result.append(f"| `HIE_{name.upper()}` | {default} | {field.description} |")
    return result


def test_the_table_lists_every_setting_with_its_default_and_description() -> None:
    written = [
        " ".join(line.split())
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `HIE_")
    ]
    assert written == [" ".join(row.split()) for row in rows()]
