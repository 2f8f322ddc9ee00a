"""`_list`: resources that a List names. https://hl7.org/fhir/R4/search.html#list

The List must be one that the caller may see; its entries marked as deleted do not count. Lists that a
server would have to make up (`$current-allergies`) are refused.
"""

import orjson

from hie.fhir.definitions import type_number
from hie.search.context import LARGEST_EXPANSION, Context
from hie.search.permitted import permitted
from hie.search.problems import refused, too_costly
from hie.search.query import InList
from hie.search.sql import FALSE, Sql, all_of

NAME = "_list"
LIST = """
SELECT r.dictionary, r.body FROM store.resource r WHERE {where}
"""


def parse_list(name: str, value: str) -> InList:
    """The node for `_list=id`. Problem 400 for a list that is not stored as one."""
    if value.startswith("$"):
        raise refused(
            name, "only stored Lists can be asked for, by their id", "仅支持按 id 查询已保存的 List"
        )
    return InList(value.removeprefix("List/"))


async def in_list(node: InList, type_name: str, context: Context) -> Sql:
    """The condition for rows of the type that the List names; none if it is not there to see."""
    own = Sql("r.type = %s AND r.id = %s", (type_number("List"), node.id))
    where = all_of((own, permitted(context.restriction, "List")))
    cursor = await context.connection.execute(LIST.format(where=where.text), where.values)
    row = await cursor.fetchone()
    if row is None:
        return FALSE
    entries = orjson.loads(context.store.bodies.expand(*row)).get("entry", ())
    if len(entries) > LARGEST_EXPANSION:
        raise too_costly(
            f"{NAME}: the List has more than {LARGEST_EXPANSION} entries",
            f"{NAME}：该 List 的条目超过 {LARGEST_EXPANSION} 个",
        )
    references = [each["item"].get("reference", "") for each in entries if not each.get("deleted")]
    prefix = f"{type_name}/"
    ids = sorted(
        {
            each.removeprefix(prefix).partition("/")[0]
            for each in references
            if each.startswith(prefix)
        }
    )
    return Sql("(r.type = %s AND r.id = ANY(%s::text[]))", (type_number(type_name), ids))
