"""Where a client library finds the server, and what it shows there."""

from typing import NamedTuple


class Access(NamedTuple):
    """Where the FHIR server is, and a token of an institution."""

    fhir: str
    token: str
