"""The audit trail's table, partitioned by month. Declared as in migration 0003."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import CHAR

metadata = MetaData(schema="audit")

event = Table(
    "event",
    metadata,
    Column("number", BigInteger, server_default=text("nextval('audit.event_number')")),
    Column("recorded", DateTime(timezone=True), nullable=False),
    Column("action", CHAR(1), nullable=False),
    Column("interaction", Text, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("account", Text),
    Column("fhir_user", Text),
    Column("institution", Integer),
    Column("purpose", Text),
    Column("reason", Text),
    Column("patient", Text),
    Column("entity_type", Text),
    Column("entity_id", Text),
    Column("entity_version", Integer),
    Column("entity_count", Integer),
    Column("query", Text),
    Column("request_id", Text),
    Column("address", Text),
    PrimaryKeyConstraint("recorded", "number"),
    postgresql_partition_by="RANGE (recorded)",
)
Index(
    "event_patient", event.c.patient, event.c.number, postgresql_where=event.c.patient.is_not(None)
)
Index(
    "event_account", event.c.account, event.c.number, postgresql_where=event.c.account.is_not(None)
)
