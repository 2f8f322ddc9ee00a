"""Changes to JSON text that leave every other byte as it was sent. https://www.rfc-editor.org/rfc/rfc8259

A record is evidence: decimals keep their zeros (`1.10`), members their order, texts their escapes.
So a body is never parsed and written again; what must change is cut out of the bytes and replaced.
Every function here takes text that orjson has already parsed without error (UTF-8, well formed).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import orjson

_WHITESPACE = b" \t\r\n"
_KEY = re.compile(rb'[\s,{]*+"((?:[^"\\]++|\\.)*+)"\s*+:\s*+')
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^\s,}\]]++')
# Everything up to the next bracket that is not inside a string.
_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+([{}\[\]])')
_TYPE_FIRST = re.compile(rb'\s*+\{\s*+"resourceType"\s*+:\s*+"\w++"')
_REFERENCE = re.compile(rb'"reference"\s*+:\s*+"([^"\\]*+)"')
_NARRATIVE = re.compile(rb'"div"\s*+:\s*+"((?:[^"\\]++|\\.)*+)"')
_LINK = re.compile(r"""(\b(?:href|src)\s*=\s*(["']))([^"'<>]*+)(?=\2)""")
_STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"(\s*+:)?')

_TOKEN = re.compile(rb'([{}\[\]])|"((?:[^"\\]++|\\.)*+)"(\s*+:)?')
# A text that begins as most do: with its type, its id, and then perhaps its meta.
_ID_FIRST = re.compile(
    rb'\s*+\{\s*+(?:"resourceType"\s*+:\s*+"\w++"\s*+,\s*+)?"id"\s*+:\s*+("(?:[^"\\]++|\\.)*+")'
)
_META_NEXT = re.compile(rb'\s*+,\s*+"meta"\s*+:\s*+(?=\{)')
_MARK = {"id": re.compile(rb'"id"\s*+:\s*+'), "meta": re.compile(rb'"meta"\s*+:\s*+')}


class _Marks(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()


_marks = msgspec.json.Decoder(_Marks)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


class Span(NamedTuple):
    """Where the value of one member stands in the text."""

    key: str
    start: int
    end: int


def members(raw: bytes) -> dict[str, bytes]:
    """The text of each member's value of an object, by key; msgspec.DecodeError if it is none."""
    return {key: bytes(value) for key, value in _members.decode(raw).items()}


def array_items(raw: bytes) -> list[bytes]:
    """The text of each item of an array; msgspec.DecodeError if `raw` is none."""
    return [bytes(value) for value in _items.decode(raw)]


def spans(raw: bytes) -> Iterator[Span]:
    """The places of the values of the top-level object's members, in order, found lazily."""
    position = 0
    while key := _KEY.match(raw, position):
        start = key.end()
        end = position = _value_end(raw, start)
        yield Span(_unescaped(key[1]), start, end)


def _value_end(raw: bytes, start: int) -> int:
    if raw[start] not in b"{[":
        scalar = _SCALAR.match(raw, start)
        if scalar is None:
            raise ValueError(f"no JSON value at byte {start}")
        return scalar.end()
    depth = 0
    position = start
    while bracket := _BRACKET.match(raw, position):
        position = bracket.end()
        depth += 1 if bracket[1] in b"{[" else -1
        if depth == 0:
            return position
    raise ValueError(f"JSON value at byte {start} does not end")


def _unescaped(content: bytes) -> str:
    """The text of a string token's content (what stands between its quotes)."""
    if b"\\" in content:
        text: str = orjson.loads(b'"' + content + b'"')
        return text
    return content.decode()


def splice(raw: bytes, parsed: dict[str, Any], *, id: str, meta: bytes) -> bytes:  # noqa: A002
    """The resource's text with its top-level `id` and `meta` set, all other bytes untouched.

    `parsed` is `raw` parsed; `meta` is JSON text. Values already there are replaced in place, new
    members are put after a leading `resourceType`. The text must not repeat a key, see
    `duplicate_key`.
    """
    values = {"id": orjson.dumps(id), "meta": meta}
    last = next(reversed(parsed), None)
    cuts = [(*_top_level(raw, key, key == last), values[key]) for key in values if key in parsed]
    added = b",".join(
        b'"%b":%b' % (key.encode(), values[key]) for key in values if key not in parsed
    )
    if added:
        head = _TYPE_FIRST.match(raw)
        place = head.end() if head else raw.index(b"{") + 1
        separator = b"," if len(parsed) else b""
        cuts.insert(0, (place, place, separator + added if head else added + separator))
    pieces: list[bytes] = []
    position = 0
    for start, end, text in sorted(cuts):
        pieces += (raw[position:start], text)
        position = end
    pieces.append(raw[position:])
    return b"".join(pieces)


def _top_level(raw: bytes, key: str, last: bool) -> tuple[int, int]:
    """Where the value of the top-level `id` or `meta` stands; `last`: it is the object's last member.

    Usually only one place of the text reads as this key with this value; then that is it, and the
    members before it need not be walked over.
    """
    first = _ID_FIRST.match(raw)
    if first and key == "id":
        return first.span(1)
    following = _META_NEXT.match(raw, first.end()) if first else None
    if following and key == "meta":
        return following.end(), _value_end(raw, following.end())
    found = _last_value(raw, key) if last else None
    if found:
        return found
    if b"\\u" not in raw:  # with it, the key itself might be written otherwise
        value = bytes(getattr(_marks.decode(raw), key))
        marks = _MARK[key].finditer(raw)
        places = [match.end() for match in marks if raw.startswith(value, match.end())]
        if len(places) == 1:
            return places[0], places[0] + len(value)
    return next((span.start, span.end) for span in spans(raw) if span.key == key)


def _last_value(raw: bytes, key: str) -> tuple[int, int] | None:
    """Where the value of the last member stands, which has this key.

    From any other place that reads as the key, what follows up to the last brace is no JSON: it is
    a part of a value, whose closing brackets outnumber its opening ones, or more than one value.
    """
    mark = _MARK[key].match(raw, raw.rfind(b'"%b"' % key.encode()))
    if mark is None:
        return None
    value = raw[mark.end() : raw.rindex(b"}")].rstrip(_WHITESPACE)
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return mark.end(), mark.end() + len(value)


def replace_references(raw: bytes, mapping: Mapping[str, str]) -> bytes:
    """The text with references replaced by what `mapping` gives for them.

    Replaced are values of `reference` and links of narratives (`href`, `src`); for others see
    `replace_strings`. Source: https://hl7.org/fhir/R4/http.html#trules
    """
    if not mapping:
        return raw
    if b"href" in raw or b"src" in raw:
        raw = _NARRATIVE.sub(_replace_links(mapping), raw)
    if b"\\u" in raw or b"\\/" in raw:
        return _STRING.sub(_replace_named(mapping), raw)

    def reference(match: re.Match[bytes]) -> bytes:
        value = mapping.get(match[1].decode())
        if value is None or _inside_text(match.string, match.start()):
            return match[0]
        return match[0][: match.start(1) - 1 - match.start()] + orjson.dumps(value)

    return _REFERENCE.sub(reference, raw)


def replace_strings(raw: bytes, mapping: Mapping[str, str], chosen: Iterator[bool]) -> bytes:
    """The text with strings replaced by what `mapping` gives for them, keys excepted.

    `chosen` says of each string that `mapping` has, in their order, whether it is to be replaced.
    """

    def replace(match: re.Match[bytes]) -> bytes:
        new = None if match[2] else mapping.get(_unescaped(match[1]))
        return orjson.dumps(new) if new is not None and next(chosen) else match[0]

    return _STRING.sub(replace, raw)


def _replace_links(mapping: Mapping[str, str]) -> Callable[[re.Match[bytes]], bytes]:
    """The same for the links in a `div`."""

    def link(match: re.Match[str]) -> str:
        return match[1] + mapping.get(match[3], match[3])

    def narrative(match: re.Match[bytes]) -> bytes:
        text = _unescaped(match[1])
        linked = _LINK.sub(link, text)
        if linked == text or _inside_text(match.string, match.start()):
            return match[0]
        return match[0][: match.start(1) - 1 - match.start()] + orjson.dumps(linked)

    return narrative


def _inside_text(raw: bytes, quote: int) -> bool:
    """Whether this quotation mark is an escaped one: none that opens a string follows a backslash."""
    return raw[quote - 1 : quote] == b"\\"


def _replace_named(mapping: Mapping[str, str]) -> Callable[[re.Match[bytes]], bytes]:
    """The same references in text with escapes: every string is looked at, in order."""
    named, key_end = "", 0

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal named, key_end
        text = _unescaped(match[1])
        if match[2]:
            named, key_end = text, match.end()
            return match[0]
        direct = not match.string[key_end : match.start()].strip()
        new = mapping.get(text) if direct and named == "reference" else None
        return match[0] if new is None else orjson.dumps(new)

    return replace


def duplicate_key(raw: bytes, parsed: Any) -> str | None:
    """A key that some object of the text repeats, at any depth, or None.

    Receivers differ in which of the two they believe, so such a text must not be stored
    (RFC 8259 section 4). `parsed` is `raw` parsed.
    """
    compact = orjson.dumps(parsed)
    if compact == raw:  # as most machines write it
        return None
    # `":` ends each key and can else stand only inside a text, where it is the same in both forms
    # unless written with \u. Taking white space away can only add some on the left. So equal counts
    # prove that parsing dropped no member, and the slow exact look is hardly ever needed.
    if b"\\u" not in raw:
        found = raw.translate(None, _WHITESPACE).count(b'":')
        if found == compact.count(b'":'):
            return None
    keys: list[set[str]] = []
    for token in _TOKEN.finditer(raw):
        if token[3]:
            key = _unescaped(token[2])
            if key in keys[-1]:
                return key
            keys[-1].add(key)
        elif token[1]:
            if token[1] in b"{[":
                keys.append(set())
            else:
                keys.pop()
    return None
