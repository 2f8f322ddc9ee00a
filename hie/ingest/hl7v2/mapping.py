"""From a message to a plan, by its type and event."""

import re
from dataclasses import replace

from hie.ingest.hl7v2.adt import admission, merge
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.message import Header, Message
from hie.ingest.hl7v2.oru import results
from hie.ingest.hl7v2.plan import Plan
from hie.ingest.hl7v2.source import Source

EVENTS = {
    "ADT": frozenset(
        {"A01", "A02", "A03", "A04", "A05", "A08", "A11", "A13", "A28", "A31", "A34", "A40"}
    ),
    "ORU": frozenset({"R01"}),
}
"""What is understood: visits (admit, transfer, discharge, register, pre-admit, update, cancel admit,
cancel discharge), persons (add, update, merge), results."""
_MERGES = frozenset({"A34", "A40"})

_ZONE = re.compile(r"\d{4,14}(?:\.\d+)?([+-]\d\d)(\d\d)")


def is_understood(header: Header) -> bool:
    """Whether there are rules for the message's type and event."""
    return header.event in EVENTS.get(header.type, frozenset())


def plan(message: Message, source: Source) -> Plan:
    """What the message says. Raises UnmappableError for the first thing that no rule covers."""
    header = message.header
    if not is_understood(header):
        raise UnmappableError(
            "MSH-9",
            f"There are no rules for messages of type {header.message_type}.",
            f"没有针对 {header.message_type} 类型消息的转换规则。",
        )
    if zone := _ZONE.fullmatch(header.time):
        source = replace(source, zone=f"{zone.group(1)}:{zone.group(2)}")
    if header.type == "ORU":
        return results(message, source)
    return merge(message, source) if header.event in _MERGES else admission(message, source)
