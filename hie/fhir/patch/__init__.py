"""Patches: changes to a resource that name the places. https://hl7.org/fhir/R4/http.html#patch"""

from collections.abc import Callable
from typing import Any

from hie.errors import problem
from hie.fhir.patch.fhirpath_patch import apply_fhirpath_patch
from hie.fhir.patch.json_patch import apply_json_patch
from hie.fhir.patch.meta import apply_meta_add, apply_meta_delete
from hie.fhir.patch.xml_patch import apply_xml_patch
from hie.kit import exact
from hie.kit.json import members

JSON_PATCH = "application/json-patch+json"
FHIRPATH_PATCH = "application/fhir+json"
XML_PATCH = "application/xml-patch+xml"
PATCH_TYPES: dict[str, Callable[[dict[str, Any], bytes], Any]] = {
    JSON_PATCH: apply_json_patch,
    FHIRPATH_PATCH: apply_fhirpath_patch,
    XML_PATCH: apply_xml_patch,
}
"""How a patch of each media type is applied."""
META_ADD = "$meta-add"
META_DELETE = "$meta-delete"
_APPLY = PATCH_TYPES | {META_ADD: apply_meta_add, META_DELETE: apply_meta_delete}
"""The operations on `meta` change a resource in the same way, with their Parameters for a patch."""


def patched(body: bytes, patch: bytes, media_type: str) -> bytes:
    """The resource's text after the patch; the very same text if the patch changes nothing.

    Members of the resource that the patch leaves alone keep their bytes. Problem 415 for another
    kind of patch, 400 for one that cannot be read, 422 for one that does not fit this resource.
    """
    apply = _APPLY.get(media_type)
    if apply is None:
        raise problem(
            415,
            "not-supported",
            f"A patch is one of {', '.join(PATCH_TYPES)}, not {media_type[:80] or 'undeclared'}",
            f"补丁类型须为 {'、'.join(PATCH_TYPES)} 之一，而不是 {media_type[:80] or '未声明'}",
            "Content-Type",
        )
    before = {key: exact.dumps(value) for key, value in exact.loads(body).items()}
    result = apply(exact.loads(body), patch)
    if not isinstance(result, dict):
        raise problem(
            422,
            "invalid",
            "After the patch this would not be a resource any more",
            "应用补丁后将不再是一个资源",
        )
    after = {key: exact.dumps(value) for key, value in result.items()}
    if after == before:
        return body
    texts = members(body)
    parts = (
        exact.dumps(key) + b":" + (texts[key] if before.get(key) == text else text)
        for key, text in after.items()
    )
    return b"{" + b",".join(parts) + b"}"
