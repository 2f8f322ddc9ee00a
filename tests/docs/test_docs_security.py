"""The threat model and the checklist name tests and files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize("document", ["threat-model.md", "asvs.md"])
def test_the_evidence_exists(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    known = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in DEFINED.findall(path.read_text(encoding="utf-8"))
    }
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    assert named - known == set()
    files = set(re.findall(r"`((?:tests|hie)/[\w./]+)`", text))
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_the_threat_model_counts_the_guards() -> None:
    lists = sorted((ROOT / "tests" / "attack").glob("attack_guards*.py"))
    guards = "".join(one.read_text(encoding="utf-8") for one in lists)
    count = len(re.findall(r"^    (?:Guard)?\(\"", guards, re.MULTILINE))
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    assert f"for {count} guards" in text
