"""Adding, changing and removing search parameters by SearchParameter resources.

https://hl7.org/fhir/R4/searchparameter.html — what can be told from the expression is checked when the
resource is written, so that a parameter which is in force can be searched by.
"""

import re
import secrets
from dataclasses import replace
from typing import Any

from psycopg.types.json import Jsonb

from hie.errors import Issue, Problem, Text
from hie.fhir.definitions import RESOURCE_TYPES, search_parameters, type_number
from hie.fhir.definitions.distil import branches
from hie.fhir.search_params import UnsupportedExpression
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.search import definitions
from hie.search.definitions import Definition
from hie.search.parameters import Parameter, parameter_of
from hie.search.params.kinds import KINDS
from hie.search.params.target import Target

CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
MOST = 200
"""Parameters that can be added: each costs every write of its types."""
ADDABLE = tuple(kind for kind in KINDS if kind != "special")
_TYPES = frozenset(RESOURCE_TYPES)
# For asking whether a kind can read a datatype; nothing is hashed with it.
_UNUSED = Hasher(b"")

INSERT = """
INSERT INTO search.definition (resource, url, code, kind, bases, targets, components, ready)
VALUES (%s, %s, %s, %s, %s, %s, %s,
    NOT EXISTS (SELECT FROM store.resource r WHERE r.type = ANY(%s::smallint[])))
"""
REMOVE = "DELETE FROM search.definition WHERE resource = %s"
RENEW = "UPDATE search.generation SET number = %s"


async def define(connection: Connection, logical_id: str, resource: dict[str, Any] | None) -> None:
    """Put a SearchParameter in force as it is now (None: it is deleted), if its status is active.

    Runs in the transaction that stores it, which holds the definitions alone. Without any resource of
    its types the parameter is ready at once, else when `hie reindex` is through. Problem 422 with every
    reason for which nobody could search by it.
    """
    known = definitions.every()
    before = next((each for each in known if each.resource == logical_id), None)
    wanted = None
    if resource is not None and resource.get("status") == "active":
        wanted = read_definition(logical_id, resource, [d for d in known if d is not before])
    if wanted is None and before is None:
        return
    if before is not None and wanted == replace(before, number=0, ready=False):
        return
    await connection.execute(REMOVE, (logical_id,))
    if wanted is not None:
        await connection.execute(
            INSERT,
            (
                *(wanted.resource, wanted.url, wanted.code, wanted.kind),
                *(Jsonb(wanted.bases), list(wanted.targets), Jsonb(wanted.components)),
                [type_number(base) for base in wanted.bases],
            ),
        )
    await renew(connection)


async def renew(connection: Connection) -> None:
    """Let every process read the definitions anew."""
    await connection.execute(RENEW, (secrets.randbits(62) + 1,))
    await definitions.follow(connection)


def read_definition(
    logical_id: str, resource: dict[str, Any], others: list[Definition]
) -> Definition:
    """What a valid SearchParameter defines. Problem 422 with every reason why it cannot be."""
    issues: list[Issue] = []

    def refuse(element: str, en: str, zh: str) -> None:
        issues.append(Issue("not-supported", Text(en, zh), f"SearchParameter.{element}"))

    code, kind = resource["code"], resource["type"]
    if not CODE.fullmatch(code):
        refuse("code", f"'{code}' is no name of a parameter", f"“{code}”不能用作参数名")
    if kind not in ADDABLE:
        refuse("type", f"'{kind}' cannot be added", f"不支持增加“{kind}”类型的参数")
    if len(others) >= MOST:
        refuse("status", f"{MOST} parameters are active already", f"已有 {MOST} 个生效的参数")
    bases = {}
    for base in resource["base"]:
        if base not in _TYPES:
            refuse("base", f"'{base}' is no type of its own", f"“{base}”不是具体的资源类型")
            continue
        if code in search_parameters(base) or any(
            code == each.code and base in each.bases for each in others
        ):
            refuse("code", f"{base} has a parameter '{code}'", f"{base} 已有参数“{code}”")
        bases[base] = branches(resource.get("expression", ""), base)
    draft = Definition(
        number=0,
        resource=logical_id,
        url=resource["url"],
        code=code,
        kind=kind,
        bases=bases,
        targets=tuple(resource.get("target", ())),
        components=tuple(
            (each["definition"], each["expression"]) for each in resource.get("component", ())
        ),
        ready=False,
    )
    if kind in ADDABLE:
        for base in bases:
            for en, zh in _unreadable(draft, base):
                refuse("expression", f"{base}: {en}", f"{base}：{zh}")
    if issues:
        raise Problem(422, issues)
    return draft


def _unreadable(draft: Definition, base: str) -> list[tuple[str, str]]:
    """Why the expression gives no values of the kind on a type."""
    try:
        parameter = parameter_of(base, draft.on(base))
    except UnsupportedExpression as error:
        return [(f"the expression cannot be used: {error}", f"表达式无法使用：{error}")]
    except KeyError as error:
        return [(f"a component is not defined: {error}", f"组成部分未定义：{error}")]
    if draft.kind == "composite" and len(parameter.components) < 2:
        return [("a composite has at least two components", "组合参数至少包含两个部分")]
    if any(_reads(parameter, number) for number in range(len(parameter.sources))):
        return []
    types = ", ".join(sorted({source.type for source in parameter.sources})) or "nothing"
    return [
        (
            f"it leads to {types}, which is not of type {draft.kind}",
            f"指向 {types}，不是 {draft.kind}",
        )
    ]


def _reads(parameter: Parameter, number: int) -> bool:
    source = parameter.sources[number]
    if parameter.kind == "composite" and not source.operations:
        return True  # asked for by its parts
    return KINDS[parameter.kind].visit(source, [Target(parameter, 1)], _UNUSED) is not None
