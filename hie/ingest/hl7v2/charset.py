"""Character sets of a message. HL7 2.5.1 section 2.15.9.18 (MSH-18) and table 0211.

All sets understood here are supersets of ASCII in which no other character contains the bytes of
the separators, so the header can be read before its own character set is known.
"""

from hie.ingest.hl7v2.fault import CharsetError

GUESSED = frozenset({"", "ASCII", "UNICODE"})
"""Names that say nothing of how Chinese is written: UTF-8 is tried first, then GB 18030."""

CODECS = {
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "GB 18030-2000": "gb18030",
    "GB 18030": "gb18030",
    "GB18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "BIG-5": "big5hkscs",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
}
"""Table 0211, with the spellings that Chinese systems really send; GBK is a subset of GB 18030."""


def decode(body: bytes, declared: str) -> tuple[str, str]:
    """The message's text and the Python codec that gave it, for the name found in MSH-18.

    Raises CharsetError if the set is unknown or the bytes do not fit it.
    """
    name = declared.strip().upper()
    if name in GUESSED:
        candidates = ["utf-8", "gb18030"]
    elif name in CODECS:
        candidates = [CODECS[name]]
    else:
        raise CharsetError(
            "MSH-18",
            f"Character set {declared} is not supported.",
            f"不支持字符集 {declared}。",
        )
    for codec in candidates:
        try:
            return body.decode(codec).removeprefix("\ufeff"), codec
        except UnicodeDecodeError:
            continue
    raise CharsetError(
        "MSH-18",
        f"The message is not valid text in the character set it names ({declared or 'none'}).",
        f"消息内容不符合其声明的字符集（{declared or '未声明'}）。",
    )


def is_known(declared: str) -> bool:
    """Whether this is a name that `decode` understands."""
    name = declared.strip().upper()
    return name in GUESSED or name in CODECS


def codec_of(declared: str) -> str:
    """The codec for an answer to a sender that names this set; ASCII when it is not known."""
    name = declared.strip().upper()
    return CODECS.get(name, "utf-8" if name == "UNICODE" else "ascii")
