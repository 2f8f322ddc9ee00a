"""The narrative of a resource that has been patched. https://hl7.org/fhir/R4/http.html#patch

"The server SHALL ensure that the narrative in a resource is not clinically unsafe after the PATCH
operation is performed." A text that was generated from the data says what is no longer so.
"""

import orjson

from hie.errors import problem
from hie.kit.json import members

GENERATED = frozenset(("generated", "extensions"))
"""Narratives that hold nothing but the data. https://hl7.org/fhir/R4/valueset-narrative-status.html"""
BESIDE = frozenset(("id", "meta", "text"))
"""Members that a narrative does not tell."""


def without_stale_narrative(before: bytes, after: bytes) -> bytes:
    """The patched resource's text without a narrative of what stood there before.

    Problem 422 if the narrative says more than the data: only its author can say it anew.
    """
    old, new = members(before), members(after)
    if "text" not in new or old.get("text") != new["text"]:
        return after
    if all(old.get(name) == new.get(name) for name in (old.keys() | new.keys()) - BESIDE):
        return after
    status = orjson.loads(new["text"]).get("status")
    if status in GENERATED:
        kept = (orjson.dumps(name) + b":" + text for name, text in new.items() if name != "text")
        return b"{" + b",".join(kept) + b"}"
    if status == "additional":
        raise problem(
            422,
            "business-rule",
            "The narrative says more than the data and may contradict what is patched; patch `text` too",
            "叙述文本含有数据之外的内容，可能与修改后的数据矛盾；请同时修改 text",
            "text",
        )
    return after
