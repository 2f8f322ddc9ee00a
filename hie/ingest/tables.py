"""The tables of ingest: what arrived, and who may send. https://docs.sqlalchemy.org/en/20/core/

Keys begin with the institution, so that a large inbox can be distributed by it.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import CIDR, JSONB

metadata = MetaData(schema="ingest")

sender = Table(
    "sender",
    metadata,
    Column("facility", Text, nullable=False),
    Column("application", Text, nullable=False, server_default=""),
    Column("institution", Integer, nullable=False),
    Column("networks", ARRAY(CIDR), nullable=False, server_default="{}"),
    PrimaryKeyConstraint("facility", "application"),
    comment="Which institution an HL7 v2 sender (MSH-4, MSH-3) belongs to, and from which networks "
    "it may connect. Application empty: any. No networks: any.",
)

inbox = Table(
    "inbox",
    metadata,
    Column("institution", Integer, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("channel", Text, nullable=False),
    Column("control_id", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("received", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("state", Text, nullable=False, server_default="received"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("settled", DateTime(timezone=True)),
    Column("patient", Text),
    Column("reason", JSONB),
    Column("peer", Text),
    Column("content_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("mended", LargeBinary),
    PrimaryKeyConstraint("institution", "id"),
    UniqueConstraint("institution", "control_id", "content_hash", name="inbox_content"),
    CheckConstraint("state IN ('received', 'done', 'quarantined')", name="inbox_state"),
    comment="Messages exactly as received. `mended` is the corrected text of one that was wrong, "
    "`patient` the id of the Patient it is about, `settled` when it was done or quarantined.",
)
Index("inbox_waiting", inbox.c.institution, inbox.c.id, postgresql_where=text("state = 'received'"))
Index(
    "inbox_quarantined",
    inbox.c.institution,
    inbox.c.id,
    postgresql_where=text("state = 'quarantined'"),
)
Index(
    "inbox_patient",
    inbox.c.institution,
    inbox.c.patient,
    inbox.c.id,
    postgresql_where=text("state = 'done'"),
)
