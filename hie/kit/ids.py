"""Time-ordered identifiers: UUID version 7. https://www.rfc-editor.org/rfc/rfc9562#section-5.7"""

import uuid_utils


def new_id() -> str:
    """A fresh logical id, 36 characters; later ids sort after earlier ones."""
    return str(uuid_utils.uuid7())
