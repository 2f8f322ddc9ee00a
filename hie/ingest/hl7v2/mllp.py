"""Framing: the Minimal Lower Layer Protocol, release 1. HL7 2.5.1 appendix C.

A frame is 0x0B, the message, 0x1C 0x0D. This is the pure part: bytes in, whole messages out.
"""

from dataclasses import dataclass

START = b"\x0b"
END = b"\x1c\r"
HEAD = 512
"""How much of a message that is too long is kept, to know whom to answer."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete message; `too_long` if only its first bytes were kept."""

    body: bytes
    too_long: bool = False


class Frames:
    """Cuts a stream into frames, however the network cut it. Memory is bounded by `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._searched = 0
        self._too_long = False
        self.inside = False
        """Whether a frame has begun and not ended."""
        self.skipped = 0
        """Bytes outside any frame so far, line ends not counted."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`."""
        self._pending += data
        frames: list[Frame] = []
        while True:
            if not self.inside and not self._begin():
                return frames
            frame = self._finish()
            if frame is None:
                return frames
            frames.append(frame)

    def _begin(self) -> bool:
        at = self._pending.find(START)
        outside = self._pending if at < 0 else self._pending[:at]
        self.skipped += len(outside.translate(None, b"\r\n"))
        del self._pending[: len(outside) if at < 0 else at + 1]
        self.inside = at >= 0
        self._searched = 0
        return self.inside

    def _finish(self) -> Frame | None:
        end = self._pending.find(END, max(self._searched - 1, 0))
        # A start inside a frame: the sender gave up and began again.
        restart = self._pending.rfind(START, self._searched, end if end >= 0 else None)
        if restart >= 0:
            self.skipped += restart
            del self._pending[: restart + 1]
            self._searched = 0
            self._too_long = False
            return self._finish()
        if end < 0:
            if len(self._pending) > self._limit:
                self._too_long = True
                # The last byte may be the first half of the end.
                del self._pending[HEAD : len(self._pending) - 1]
            self._searched = len(self._pending)
            return None
        body = bytes(self._pending[:end])
        del self._pending[: end + len(END)]
        frame = (
            Frame(body[:HEAD], too_long=True)
            if self._too_long or end > self._limit
            else Frame(body)
        )
        self.inside = self._too_long = False
        return frame


def wrap(body: bytes) -> bytes:
    """`body` as a frame."""
    return START + body + END
