"""The resources of a Bundle as the bytes they were sent as. https://hl7.org/fhir/R4/bundle.html"""

import msgspec


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_decoder = msgspec.json.Decoder(_Bundle)


def entry_resources(text: bytes) -> list[bytes | None]:
    """The text of each entry's resource, None for an entry without one.

    `text` is a Bundle that has been parsed before; every entry must be an object.
    """
    return [bytes(entry.resource) or None for entry in _decoder.decode(text).entry]
