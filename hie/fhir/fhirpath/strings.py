"""Functions of FHIRPath on texts that the library lacks or answers otherwise.

https://hl7.org/fhirpath/N1/#string-manipulation. Each takes the input collection and its arguments.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hie.fhir.fhirpath.syntax import PathError

Collection = Sequence[Any]


def single(collection: Collection) -> Any:
    """The only item, None for an empty collection; PathError for several."""
    if len(collection) > 1:
        raise PathError(f"a single item is needed, there are {len(collection)}")
    return collection[0] if collection else None


def _matches_full(collection: Collection, pattern: Any) -> Collection:
    text = single(collection)
    if not isinstance(text, str) or not isinstance(pattern, str):
        return []
    return [re.fullmatch(pattern, text, re.DOTALL) is not None]


def _replace_matches(collection: Collection, pattern: Any, new: Any) -> Collection:
    text = single(collection)
    if not all(isinstance(each, str) for each in (text, pattern, new)):
        return []
    named = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", new)
    return [re.sub(pattern, named, text) if pattern else text]


def _replace(collection: Collection, old: Any, new: Any) -> Collection:
    text = single(collection)
    if not all(isinstance(each, str) for each in (text, old, new)):
        return []
    return [text.replace(old, new)]


def _index_of(collection: Collection, part: Any) -> Collection:
    text = single(collection)
    return [text.find(part)] if isinstance(text, str) and isinstance(part, str) else []


def _starts_with(collection: Collection, part: Any) -> Collection:
    text = single(collection)
    if text is not None and not isinstance(text, str):
        raise PathError("startsWith is for text")
    return [text.startswith(part)] if isinstance(text, str) and isinstance(part, str) else []


def _escape(collection: Collection, target: Any) -> Collection:
    text = single(collection)
    if not isinstance(text, str):
        return []
    if target == "html":
        return [html.escape(text)]
    return [json.dumps(text, ensure_ascii=False)[1:-1]] if target == "json" else []


def _unescape(collection: Collection, target: Any) -> Collection:
    text = single(collection)
    if not isinstance(text, str):
        return []
    if target == "html":
        return [html.unescape(text)]
    return [re.sub(r"\\(.)", r"\1", text)] if target == "json" else []


def _to_string(collection: Collection) -> Collection:
    item = single(collection)
    if item is None or isinstance(item, dict):
        return []
    return [str(item).lower() if isinstance(item, bool) else str(item)]


STRINGS: Mapping[str, Mapping[str, Any]] = {
    "matchesFull": {"fn": _matches_full, "arity": {1: ["String"]}},
    "replaceMatches": {"fn": _replace_matches, "arity": {2: ["String", "String"]}},
    "replace": {"fn": _replace, "arity": {2: ["String", "String"]}},
    "indexOf": {"fn": _index_of, "arity": {1: ["String"]}},
    "startsWith": {"fn": _starts_with, "arity": {1: ["String"]}},
    "escape": {"fn": _escape, "arity": {1: ["String"]}},
    "unescape": {"fn": _unescape, "arity": {1: ["String"]}},
    "toString": {"fn": _to_string},
}
"""In the form that fhirpathpy takes from its callers."""
