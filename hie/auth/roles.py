"""What members of staff are there for. Running the exchange, guarding it and auditing it are three jobs.

One person holds one role, so that nobody can grant, use and review the same access: the separation
of system administrator, security administrator and auditor that GB/T 22239 (等级保护) asks for.
"""

from collections.abc import Collection
from typing import Literal, get_args

from hie.errors import Text

Role = Literal["clinician", "steward", "administrator", "security-officer", "auditor", "reviewer"]

ROLES: frozenset[str] = frozenset(get_args(Role))

NAMES: dict[str, Text] = {
    "clinician": Text("clinician", "医务人员"),
    "steward": Text("data steward", "数据管理员"),
    "administrator": Text("administrator", "系统管理员"),
    "security-officer": Text("security officer", "安全管理员"),
    "auditor": Text("auditor", "审计员"),
    "reviewer": Text("reviewer of emergency access", "紧急调阅复核员"),
}


def check_roles(roles: Collection[str]) -> None:
    """Raise `ValueError` unless each role is known and no two are held together."""
    unknown = sorted(set(roles) - ROLES)
    if unknown:
        raise ValueError(f"unknown role: {', '.join(unknown)}; known: {', '.join(sorted(ROLES))}")
    if len(set(roles)) > 1:
        raise ValueError("one person holds one role: give each role an account of its own")
