"""Messages in files: the batch protocol, or simply one after another. HL7 2.5.1 section 2.10.3

FHS, BHS, BTS and FTS enclose messages; BTS-1 counts them.
"""

import re
from dataclasses import dataclass

_SEGMENT = re.compile(rb"(?:^|(?<=[\r\n]))\s*(MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9\s])")


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages of a file. `announced` is the sum of its BTS-1, None if it has none."""

    messages: list[bytes]
    announced: int | None

    @property
    def is_complete(self) -> bool:
        """Whether there are as many messages as the trailers announce."""
        return self.announced is None or self.announced == len(self.messages)


def split(content: bytes) -> Batch:
    """The messages in a file's content; MLLP frames around them, as some tools write, are ignored."""
    content = content.translate(None, b"\x0b\x1c").removeprefix(b"\xef\xbb\xbf")
    starts = list(_SEGMENT.finditer(content))
    messages: list[bytes] = []
    announced: int | None = None
    for number, start in enumerate(starts):
        end = starts[number + 1].start(1) if number + 1 < len(starts) else len(content)
        part = content[start.start(1) : end]
        if start.group(1) == b"MSH":
            messages.append(part.rstrip(b"\r\n") + b"\r")
        elif start.group(1) == b"BTS":
            # So many digits that Python would refuse to read them announce more than there is, too.
            count = re.match(rb"BTS(.)(\d{1,18})", part, re.DOTALL)
            announced = (announced or 0) + int(count.group(2)) if count else announced
    return Batch(messages, announced)
