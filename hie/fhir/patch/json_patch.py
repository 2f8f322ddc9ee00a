"""JSON Patch. https://www.rfc-editor.org/rfc/rfc6902"""

import jsonpatch
import jsonpointer

from hie.errors import problem
from hie.fhir.json_text import read_json
from hie.kit import exact

MOST_OPERATIONS = 1000
# A copy into itself doubles what is there, so a few of them could fill any memory.
LARGEST_COPIES = 1024 * 1024


def apply_json_patch(resource: object, patch: bytes) -> object:
    """The resource after all operations; Problem 400 for a bad patch, 422 if it does not fit.

    A failed `test` is 422 too: the patch was understood and cannot be carried out.
    """
    operations = read_json(patch, loads=exact.loads)
    if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise _bad(f"a patch is a list of at most {MOST_OPERATIONS} operations")
    if not all(isinstance(operation, dict) for operation in operations):
        raise _bad("every operation is an object")
    copied = 0
    place = ""
    try:
        for number, operation in enumerate(operations):
            place = _place(number, operation)
            if operation.get("op") == "copy" and isinstance(operation.get("from"), str):
                source = jsonpointer.resolve_pointer(resource, operation["from"], None)
                copied += len(exact.dumps(source))
                if copied > LARGEST_COPIES:
                    raise problem(
                        422,
                        "too-costly",
                        f"The patch copies more than {LARGEST_COPIES} bytes within the resource",
                        f"补丁在资源内复制的内容超过 {LARGEST_COPIES} 字节",
                    )
            resource = jsonpatch.JsonPatch([operation]).apply(resource, in_place=True)
    except jsonpatch.InvalidJsonPatch as error:
        raise _bad(f"{place}: {error}") from error
    except jsonpatch.JsonPatchTestFailed as error:
        raise _unfit(
            f"{place}: the resource has another value there", f"{place}：资源中的值不同"
        ) from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise _unfit(
            f"{place}: the resource has no such place", f"{place}：资源中没有这个位置"
        ) from error
    return resource


def _place(number: int, operation: dict[str, object]) -> str:
    """Which operation it is; all that a refusal says, because who may patch need not be one who may read."""
    named = [str(operation[key])[:80] for key in ("op", "from", "path") if key in operation]
    return f"[{number}] {' '.join(named)}".rstrip()


def _unfit(en: str, zh: str) -> Exception:
    return problem(
        422, "processing", f"The patch does not fit the resource: {en}", f"补丁与资源不符：{zh}"
    )


def _bad(reason: str) -> Exception:
    return problem(
        400,
        "structure",
        f"Not a JSON Patch: {reason[:300]}",
        f"不是合法的 JSON Patch：{reason[:300]}",
    )
