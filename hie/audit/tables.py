"""The audit trail's table, partitioned by month. Declared as in migration 0003."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
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
Index("event_by_number", event.c.number, postgresql_using="brin")

seal = Table(
    "seal",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("through", BigInteger, nullable=False),
    Column("gaps_from", ARRAY(BigInteger), nullable=False),
    Column("gaps_to", ARRAY(BigInteger), nullable=False),
    Column("gaps_since", ARRAY(DateTime(timezone=True)), nullable=False),
    Column("sealed", DateTime(timezone=True), nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    comment="Batches of the trail, chained by hash: number, time and hash of each row.",
)
Index("seal_sealed", seal.c.sealed)

retired = Table(
    "retired",
    metadata,
    Column("until", DateTime(timezone=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("partition", Text, nullable=False),
    comment="Months of the trail that were dropped because their time was over.",
)
