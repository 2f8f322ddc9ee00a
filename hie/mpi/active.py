"""Which model weighs: the one that was switched on, or the one that ships with the package.

Asked with every registration, so that switching counts with the next statement on every worker.
Making and comparing models: `training`, `rehearsal`.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from hie.errors import problem
from hie.kit.clock import instant, now
from hie.kit.db import Connection
from hie.mpi.model import Model, build, load

ACTIVE = "SELECT digest FROM mpi.model WHERE active"
CONTENT = "SELECT content::text FROM mpi.model WHERE digest = %s"
BY_VERSION = "SELECT content::text FROM mpi.model WHERE version = %s"
ALL = "SELECT version, made, active FROM mpi.model ORDER BY made"
KEEP = """
INSERT INTO mpi.model (version, digest, content, made, active)
VALUES (%s, %s, %s::jsonb, %s, false) ON CONFLICT (version) DO NOTHING
"""
SAMPLE = "SELECT features FROM mpi.registration ORDER BY hashint8(number) LIMIT %s"
DECIDED = """
SELECT evidence->'levels', decision IN ('merged', 'moved') FROM mpi.review
WHERE closed IS NOT NULL AND evidence->'levels' IS NOT NULL
    AND decision IN ('merged', 'moved', 'not-duplicate')
"""
OFF = "UPDATE mpi.model SET active = false WHERE active"
ON = "UPDATE mpi.model SET active = true WHERE version = %s"
REGISTERED = "SELECT count(*) FROM mpi.registration"
COMPARED = "UPDATE mpi.model SET comparison = %s::jsonb WHERE version = %s"
COMPARISON = """
SELECT coalesce(comparison->>'with', ''), coalesce((comparison->>'registrations')::bigint, 0)
FROM mpi.model WHERE version = %s
"""
GROWTH = 1.25
"""How far the population may have grown since a comparison that still counts."""

SHIPPED = "shipped"
"""What the model that comes with the package is called where one is chosen."""

_built: dict[str, Model] = {}


async def current(connection: Connection) -> Model:
    """The model that weighs now."""
    cursor = await connection.execute(ACTIVE)
    row = await cursor.fetchone()
    if row is None:
        return load()
    (key,) = row
    if key not in _built:
        cursor = await connection.execute(CONTENT, (key,))
        (content,) = await cursor.fetchone() or ("",)
        _built[key] = build(orjson.loads(content))
    return _built[key]


async def keep(connection: Connection, plain: Mapping[str, Any]) -> None:
    """Store a model under its version, not switched on. Problem 409 when the version is taken."""
    content = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    kept = 0
    if plain["version"] not in (SHIPPED, load().version):
        cursor = await connection.execute(
            KEEP, (plain["version"], sha256(content).hexdigest(), content.decode(), instant(now()))
        )
        kept = cursor.rowcount
    if kept == 0:
        raise problem(
            409,
            "duplicate",
            f"There is a model {plain['version']} already",
            f"模型 {plain['version']} 已存在",
        )


async def find(connection: Connection, version: str) -> dict[str, Any]:
    """The data of a stored model. Problem 404 when there is none."""
    cursor = await connection.execute(BY_VERSION, (version,))
    row = await cursor.fetchone()
    if row is None:
        raise problem(404, "not-found", f"There is no model {version}", f"没有模型 {version}")
    plain: dict[str, Any] = orjson.loads(row[0])
    return plain


async def keep_comparison(
    connection: Connection, version: str, used: str, figures: Mapping[str, Any]
) -> None:
    """Note what comparing a stored model with `used`, the one that weighs, came to."""
    plain = orjson.dumps({"with": used, "at": instant(now()), **figures}).decode()
    await connection.execute(COMPARED, (plain, version))


async def require_same(connection: Connection, used: Model, other: Model) -> int:
    """How many registrations there are. Problem 409 if they are indexed for other comparisons."""
    cursor = await connection.execute(REGISTERED)
    (registered,) = await cursor.fetchone() or (0,)
    if registered and other.comparisons != used.comparisons:
        raise problem(
            409,
            "conflict",
            f"The index holds registrations made for {used.comparisons} comparisons",
            f"索引中的登记按 {used.comparisons} 比对方式建立",
        )
    return int(registered)


async def switch(connection: Connection, version: str | None) -> None:
    """Switch a stored model on, or with None back to the shipped one, which needs no comparison.

    Problem 409 when it compares otherwise than the registrations are indexed, or has not been
    compared with the model in use on the population as it is now.
    """
    before = await current(connection)
    chosen = load() if version is None else build(await find(connection, version))
    registered = await require_same(connection, before, chosen)
    await connection.execute(OFF)
    await connection.execute(ON, (version,))
    if registered and version is not None:
        cursor = await connection.execute(COMPARISON, (version,))
        used, population = await cursor.fetchone() or ("", 0)
        if used != before.version or registered > population * GROWTH:
            raise problem(
                409,
                "conflict",
                f"Compare {version} with {before.version} first: hie mpi model compare {version}",
                f"请先与当前模型 {before.version} 比较：hie mpi model compare {version}",
            )
