"""The answer to a message: MSH, MSA and ERR, original mode. HL7 2.5.1 section 2.9.2

AA: the message is kept and will be processed. AE: it could not be kept now, send it again.
AR: it will never be accepted like this.
"""

from enum import Enum

from hie.errors import Text
from hie.ingest.hl7v2.charset import codec_of, is_known
from hie.ingest.hl7v2.escapes import Separators, escape
from hie.ingest.hl7v2.message import Header
from hie.kit.clock import now
from hie.kit.ids import new_id

_FIRST_VERSION_WITH_ERR_FIELDS = (2, 5)


class Condition(Enum):
    """Table 0357, those that are used: code and words."""

    SEQUENCE = ("100", "Segment sequence error")
    MISSING = ("101", "Required field missing")
    DATA_TYPE = ("102", "Data type error")
    MESSAGE_TYPE = ("200", "Unsupported message type")
    UNKNOWN_KEY = ("204", "Unknown key identifier")
    INTERNAL = ("207", "Application internal error")


def acknowledge(
    header: Header | None, code: str, condition: Condition | None = None, text: Text | None = None
) -> bytes:
    """The acknowledgment, in the separators, character set and version of the message it answers.

    `header` is None if the message had none.
    """
    separators = header.separators if header else Separators()
    s = separators.field
    # A set that nobody knows is not named again: the answer is ASCII then.
    sent = header.character_set if header and is_known(header.character_set) else ""
    codec = codec_of(sent)
    version = (header.version if header else "") or "2.5.1"

    def text_of(value: str) -> str:
        return escape(value, separators)

    event = f"{separators.component}{header.event}" if header and header.event else ""
    fields = [
        "MSH",
        separators.encoding_characters,
        text_of(header.receiving_application) if header else "HIE",
        text_of(header.receiving_facility) if header else "",
        text_of(header.application) if header else "",
        text_of(header.facility) if header else "",
        now().strftime("%Y%m%d%H%M%S+0000"),
        "",
        f"ACK{event}",
        new_id().replace("-", "")[:20],
        (header.processing_id if header else "") or "P",
        version,
        *([""] * 5),
        text_of(sent),
    ]
    words = _words(text, codec)
    segments = [
        s.join(fields).rstrip(s),
        s.join(["MSA", code, text_of(header.control_id) if header else "", text_of(words)]).rstrip(
            s
        ),
    ]
    if condition:
        segments.append(_error(condition, words, version, separators))
    return ("\r".join(segments) + "\r").encode(codec, "replace")


def _words(text: Text | None, codec: str) -> str:
    if text is None:
        return ""
    both = f"{text.en} {text.zh}"
    try:
        both.encode(codec)
    except UnicodeEncodeError:
        return text.en
    return both


def _error(condition: Condition, words: str, version: str, separators: Separators) -> str:
    s, c, sub = separators.field, separators.component, separators.subcomponent
    code, name = condition.value
    if _number(version) < _FIRST_VERSION_WITH_ERR_FIELDS:
        # Before 2.5 there is one field, whose last component is the coded error.
        return f"ERR{s}{c * 3}{sub.join((code, escape(name, separators), 'HL70357'))}"
    coded = c.join((code, escape(name, separators), "HL70357"))
    return s.join(["ERR", "", "", coded, "E", "", "", "", escape(words, separators)])


def _number(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts if part.isdecimal() and len(part) < 5)
