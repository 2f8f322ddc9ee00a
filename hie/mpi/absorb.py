"""A newborn's placeholder joins the child it turned out to be: the one merge without a human.

A ward registers 王芳之子; weeks later somebody writes the child's own name with the mother's telephone
and so is certain to be both. `decide` says when; here is how, safely beside other registrations.
"""

from collections.abc import Sequence

from hie.kit.db import Connection
from hie.mpi import review, steward
from hie.mpi.candidates import LOCK_BUCKETS, LOCK_CLASS
from hie.mpi.events import ENGINE
from hie.mpi.review import Doubt

# Waiting here could deadlock with somebody who waits for us; a person that is busy is left alone.
TRY_LOCKS = """
SELECT bool_and(pg_try_advisory_xact_lock(%(class)s, bucket)) FROM (
    SELECT DISTINCT (key %% %(buckets)s + %(buckets)s)::int %% %(buckets)s AS bucket
    FROM mpi.registration r, unnest(r.keys) AS k(key) WHERE r.person = %(person)s
) wanted
"""
REASON = "newborn's placeholder and named child are one"


async def absorb(connection: Connection, child: str, placeholder: Doubt) -> set[str]:
    """Merge the person `placeholder.other` into `child`; the persons whose golden records change.

    Where another transaction is at work on the placeholder, or a steward has said that the two are
    not one, `placeholder` becomes a review instead.
    """
    gone = placeholder.other
    cursor = await connection.execute(
        TRY_LOCKS, {"class": LOCK_CLASS, "buckets": LOCK_BUCKETS, "person": gone}
    )
    free = await cursor.fetchone()
    cursor = await connection.execute(review.APART, (child, gone))
    apart = await cursor.fetchone()
    if not (free and free[0]) or (apart and apart[0]):
        await review.ask(connection, [placeholder])
        return set()
    done = await steward.unite(connection, child, gone, actor=ENGINE, reason=REASON)
    return {golden.person for golden in done.goldens}


async def absorb_all(connection: Connection, found: Sequence[tuple[str, Doubt]]) -> set[str]:
    """`absorb` for every (child, placeholder), in their order."""
    touched: set[str] = set()
    for child, placeholder in found:
        touched |= await absorb(connection, child, placeholder)
    return touched
