"""What can be wrong with a message, said so that the sender can mend it."""

from hie.errors import Text


class MessageError(ValueError):
    """A message that cannot be used; `where` is a segment or field such as `PID-7`."""

    def __init__(self, where: str, en: str, zh: str) -> None:
        super().__init__(f"{where}: {en}")
        self.where = where
        self.text = Text(en, zh)


class MalformedError(MessageError):
    """Not an HL7 version 2 message at all."""


class CharsetError(MessageError):
    """The bytes are not text in the character set that the message names."""


class UnmappableError(MessageError):
    """The message says something that no rule covers."""
