"""A message as segments, fields, repetitions, components. HL7 2.5.1 chapter 2.

The separators are those that the message itself names. Splitting is lazy: most fields of most
messages are never asked for. Why there is no library under this: docs/decisions/0007-hl7v2.md
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hie.ingest.hl7v2.charset import decode
from hie.ingest.hl7v2.escapes import Separators, unescape
from hie.ingest.hl7v2.fault import MalformedError

NULL = '""'
"""What a sender writes to say that a value is to be deleted: HL7 2.5.1 section 2.5.3."""

_LONGEST_HEADER = 8192
_LINES = re.compile(r"\r\n|\r|\n")
_START = re.compile(rb"^(?:\xef\xbb\xbf)?[\s]*MSH(.)", re.DOTALL)


class Value:
    """One repetition of a field. Numbers of components and subcomponents count from 1."""

    __slots__ = ("_codec", "_separators", "raw")

    def __init__(self, raw: str, separators: Separators, codec: str) -> None:
        self.raw = raw
        self._separators = separators
        self._codec = codec

    def __bool__(self) -> bool:
        """Whether anything is said at all: empty components do not count, `""` does."""
        return bool(
            self.raw.strip(self._separators.component + self._separators.subcomponent + " ")
        )

    @property
    def is_null(self) -> bool:
        """Whether the sender asks to delete the value."""
        return self.raw.strip() == NULL

    def component(self, number: int, subcomponent: int = 1) -> str:
        """A subcomponent's text without surrounding space; empty if missing or `""`."""
        components = self.raw.split(self._separators.component, number)
        if number > len(components):
            return ""
        parts = components[number - 1].split(self._separators.subcomponent, subcomponent)
        if subcomponent > len(parts):
            return ""
        text = parts[subcomponent - 1].strip()
        return "" if text == NULL else unescape(text, self._separators, self._codec).strip()

    @property
    def text(self) -> str:
        """The whole field as text, for types without components: ST, TX, FT, NM."""
        return "" if self.is_null else unescape(self.raw, self._separators, self._codec).strip()


class Segment:
    """One segment. Field numbers are those of the standard, also in MSH."""

    __slots__ = ("_codec", "_fields", "_separators", "name")

    def __init__(self, line: str, separators: Separators, codec: str) -> None:
        fields = line.split(separators.field)
        self.name = fields[0]
        if self.name in {"MSH", "BHS", "FHS"}:
            fields.insert(1, separators.field)  # MSH-1 is the separator itself
        self._fields = fields
        self._separators = separators
        self._codec = codec

    def raw(self, number: int) -> str:
        """The field as it stands between its separators."""
        return self._fields[number] if number < len(self._fields) else ""

    def all(self, number: int) -> list[Value]:
        """The repetitions of a field that say anything."""
        raw = self.raw(number)
        if not raw:
            return []
        parts = raw.split(self._separators.repetition)
        return [v for v in (Value(p, self._separators, self._codec) for p in parts) if v]

    def value(self, number: int) -> Value:
        """The first repetition of a field; an empty value if there is none."""
        first = self.raw(number).split(self._separators.repetition, 1)[0]
        return Value(first, self._separators, self._codec)

    def text(self, number: int, component: int = 1) -> str:
        """A component of the first repetition, the usual question."""
        return self.value(number).component(component)


@dataclass(frozen=True, slots=True)
class Header:
    """What MSH says, read before anything else of the message is understood."""

    separators: Separators
    application: str
    facility: str
    receiving_application: str
    receiving_facility: str
    time: str
    type: str
    event: str
    control_id: str
    processing_id: str
    version: str
    character_set: str

    @property
    def message_type(self) -> str:
        """Such as `ADT^A01`."""
        return f"{self.type}^{self.event}" if self.event else self.type


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message."""

    header: Header
    segments: Sequence[Segment]

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """The segments of that name, in order."""
        return (segment for segment in self.segments if segment.name == name)


def _separators(header: str) -> Separators:
    field = header[3]
    characters = header[4:].split(field, 1)[0]
    defaults = "^~\\&"
    characters = characters[:4] + defaults[len(characters) :]
    if len({field, *characters}) != 5 or any(c.isalnum() or c.isspace() for c in characters):
        raise MalformedError(
            "MSH-2",
            f"{characters} does not name four different separators.",
            f"{characters} 未给出四个不同的分隔符。",
        )
    return Separators(field, *list(characters))


def read_header(body: bytes) -> Header:
    """The header of a message, whatever its character set. Raises MalformedError without an MSH."""
    start = _START.match(body)
    if start is None or not 0x20 < start.group(1)[0] < 0x7F or start.group(1).isalnum():
        raise MalformedError(
            "MSH", "The message does not begin with an MSH segment.", "消息不是以 MSH 段开头。"
        )
    begin = start.start(1) - 3
    line = _LINES.split(body[begin : begin + _LONGEST_HEADER].decode("latin-1"), maxsplit=1)[0]
    separators = _separators(line)
    segment = Segment(line, separators, "latin-1")

    def named(number: int) -> str:
        # Identifiers are written in ASCII; a facility named in Chinese must survive all the same.
        raw = segment.value(number).component(1).encode("latin-1", "replace")
        return raw.decode("utf-8", "replace") if raw.isascii() else _either(raw)

    return Header(
        separators=separators,
        application=named(3),
        facility=named(4),
        receiving_application=named(5),
        receiving_facility=named(6),
        time=segment.text(7),
        type=segment.text(9).upper(),
        event=segment.text(9, 2).upper(),
        control_id=segment.text(10),
        processing_id=segment.text(11),
        version=segment.text(12),
        character_set=segment.text(18),
    )


def _either(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _lines(text: str, field: str) -> Iterator[str]:
    """Segments, ended by CR, LF or both. A line that is not a segment continues the one before."""
    segment = re.compile(rf"[A-Z][A-Z0-9]{{2}}(?:{re.escape(field)}|$)")
    pending = ""
    for line in _LINES.split(text):
        if segment.match(line):
            if pending:
                yield pending
            pending = line
        elif line.strip() and pending:
            pending += "\n" + line
    if pending:
        yield pending


def parse(body: bytes) -> Message:
    """The message in `body`. Raises MalformedError without an MSH, CharsetError for a wrong charset."""
    header = read_header(body)
    text, codec = decode(body, header.character_set)
    separators = header.separators
    lines = _lines(text.lstrip(), separators.field)
    return Message(header, [Segment(line, separators, codec) for line in lines])
