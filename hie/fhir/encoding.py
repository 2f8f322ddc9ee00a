"""Texts that are not in UTF-8, as all of FHIR is. https://hl7.org/fhir/R4/http.html#mime-type"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder

from hie.errors import Text

SAMPLE = 1000
CONTINUING = bytes(range(0x80, 0xC0))
"""All bytes of a character in UTF-8 but its first."""


def not_utf_8(raw: bytes) -> Text | None:
    """Of a text in another encoding: where it stops being UTF-8, and what it looks like."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line, column = line_and_column(raw, error.start)
        like = _looks_like(raw, error.start)
        return Text(
            f"The text is not UTF-8 at line {line}, column {column}"
            + (f"; it looks like {like}" if like else ""),
            f"文本第 {line} 行第 {column} 列不是 UTF-8 编码"
            + (f"，看起来是 {like}" if like else ""),
        )
    return None


def _looks_like(raw: bytes, wrong: int) -> str | None:
    """The encoding of the text around the byte `wrong`; a large text is not read as a whole for it."""
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "UTF-16"
    # None of these marks can be the second byte of a character in GB 18030.
    begin = max(raw.rfind(mark, 0, wrong) for mark in (b'"', b"\n", b">")) + 1
    try:
        getincrementaldecoder("gb18030")().decode(raw[begin : wrong + SAMPLE])
    except UnicodeDecodeError:
        return None
    return "GB 18030 (GBK)"


def line_and_column(raw: bytes, byte: int) -> tuple[int, int]:
    """Where a byte of the text is, both counted from 1; columns are characters."""
    line = raw[raw.rfind(b"\n", 0, byte) + 1 : byte]
    return raw.count(b"\n", 0, byte) + 1, len(line.translate(None, CONTINUING)) + 1
