"""Whether a message is taken in, judged by its header alone, whichever way it came.

HL7 2.5.1 section 2.9.2.2: what is refused here is refused for good and not kept.
"""

from dataclasses import dataclass

from hie.errors import Text
from hie.ingest.hl7v2.acknowledgment import Condition, acknowledge
from hie.ingest.hl7v2.fault import MalformedError
from hie.ingest.hl7v2.mapping import is_understood
from hie.ingest.hl7v2.message import Header, read_header
from hie.ingest.inbox import Received
from hie.ingest.sender import find_institution
from hie.kit.db import Connection

LONGEST_CONTROL_ID = 199
"""HL7 2.7 section 2.14.9.10; 20 before."""

NO_CONTROL_ID = Text("MSH-10 (message control id) is missing.", "缺少 MSH-10（消息控制号）。")
LONG_CONTROL_ID = Text(
    "MSH-10 (message control id) is longer than 199 characters.",
    "MSH-10（消息控制号）超过 199 个字符。",
)
UNKNOWN_TYPE = Text("Messages of type {type} are not supported.", "不支持 {type} 类型的消息。")
UNKNOWN_SENDER = Text(
    "Sender {application}/{facility} (MSH-3/MSH-4) is not registered for this address.",
    "发送方 {application}/{facility}（MSH-3/MSH-4）未登记或来源地址不符。",
)
TOO_LONG = Text("The message is longer than {size} bytes.", "消息长度超过 {size} 字节。")
NOT_KEPT = Text(
    "The message could not be kept; send it again later.", "消息暂时无法保存，请稍后重发。"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Either what to keep, or why nothing is kept. Without a `header` it was no message."""

    header: Header | None
    received: Received | None = None
    refusal: tuple[Condition, Text] | None = None

    def answer(self) -> bytes:
        """The acknowledgment; one that accepts may be sent once the message is kept."""
        if self.refusal:
            return acknowledge(self.header, "AR", *self.refusal)
        return acknowledge(self.header, "AA")

    def failure(self) -> bytes:
        """The acknowledgment if the message could not be kept although it should be."""
        if self.refusal:
            return self.answer()
        return acknowledge(self.header, "AE", Condition.INTERNAL, NOT_KEPT)


def read(body: bytes, *, longest: int | None = None) -> Receipt:
    """Judge a message by itself. `longest`: it was longer than so many bytes and has been cut."""
    try:
        header = read_header(body)
    except MalformedError as error:
        return Receipt(None, refusal=(Condition.SEQUENCE, error.text))
    return Receipt(header, refusal=_refusal(header, longest))


def _refusal(header: Header, longest: int | None) -> tuple[Condition, Text] | None:
    if longest is not None:
        return Condition.DATA_TYPE, TOO_LONG.format(size=longest)
    if not header.control_id:
        return Condition.MISSING, NO_CONTROL_ID
    if len(header.control_id) > LONGEST_CONTROL_ID:
        return Condition.DATA_TYPE, LONG_CONTROL_ID
    if not is_understood(header):
        return Condition.MESSAGE_TYPE, UNKNOWN_TYPE.format(type=header.message_type)
    return None


async def assign(
    connection: Connection, receipt: Receipt, body: bytes, *, channel: str, peer: str | None
) -> Receipt:
    """Find whose message it is; a sender that is not registered, or not for `peer`, is refused.

    Without a `peer` the message comes from an operator's file, and networks do not count.
    """
    header = receipt.header
    if header is None or receipt.refusal:
        return receipt
    institution = await find_institution(connection, header.facility, header.application, peer)
    if institution is None:
        text = UNKNOWN_SENDER.format(facility=header.facility, application=header.application)
        return Receipt(header, refusal=(Condition.UNKNOWN_KEY, text))
    received = Received(institution, channel, header.control_id, header.message_type, body, peer)
    return Receipt(header, received)
