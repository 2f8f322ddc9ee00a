"""The tables of the store. Why they look like this: docs/decisions/0002-storage.md

Every key of the clinical tables includes the patient key, so that they can be distributed by it over
several machines; only the unique index on type and id would then have to become a table of its own.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.types import UserDefinedType


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's `xid8`: https://www.postgresql.org/docs/current/datatype-oid.html"""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


metadata = MetaData(schema="store")

change_sequence = Sequence("change_sequence", metadata=metadata, cache=1)

institution = Table(
    "institution",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="Who sends data and owns what it sent. Number 0 is the exchange itself.",
)

secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="Keys of this installation, made once: the index hash and the cursor signature.",
)

dictionary = Table(
    "dictionary",
    metadata,
    Column("number", SmallInteger, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    comment="Compression dictionaries; a body names the one that it was compressed with.",
)

resource = Table(
    "resource",
    metadata,
    Column("patient_key", BigInteger, nullable=False),
    Column("key", BigInteger, nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("last_updated", DateTime(timezone=True), nullable=False),
    Column("date_low", DateTime(timezone=True)),
    Column("date_high", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("institution", Integer, nullable=False),
    Column("type", SmallInteger, nullable=False),
    Column("dictionary", SmallInteger, nullable=False),
    Column("id", Text(collation="C"), nullable=False),
    Column("tokens", ARRAY(BigInteger), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column(
        "id_given",
        Boolean,
        comment="Whether its sender gave the id, with PUT; null in rows that are older than this column.",
    ),
    PrimaryKeyConstraint("patient_key", "key"),
    comment="The current version of every resource. A key is the change number of its creation.",
)
Index(
    "resource_patient_type_date",
    resource.c.patient_key,
    resource.c.type,
    resource.c.date_low.desc().nulls_last(),
)
Index("resource_type_id", resource.c.type, resource.c.id, unique=True)
Index("resource_type_key", resource.c.type, resource.c.key)
Index("resource_type_last_updated", resource.c.type, resource.c.last_updated)
Index("resource_type_date", resource.c.type, resource.c.date_low)
Index(
    "resource_type_date_end",
    resource.c.type,
    resource.c.date_high,
    postgresql_where=text("date_high - date_low > '1 day'"),
)
Index("resource_change", resource.c.change, postgresql_using="brin")
Index("resource_tokens", resource.c.tokens, postgresql_using="gin")

history = Table(
    "history",
    metadata,
    Column("patient_key", BigInteger, nullable=False),
    Column("key", BigInteger, nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("last_updated", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("institution", Integer, nullable=False),
    Column("type", SmallInteger, nullable=False),
    Column("dictionary", SmallInteger, nullable=False),
    Column("id", Text(collation="C"), nullable=False),
    Column("body", LargeBinary),
    Column("id_given", Boolean),
    PrimaryKeyConstraint("patient_key", "key", "version", "last_updated"),
    postgresql_partition_by="RANGE (last_updated)",
    comment="Superseded versions, and deletions as versions without a body. Append-only.",
)
Index("history_change", history.c.change)
Index("history_type_id", history.c.type, history.c.id, history.c.version)

commit = Table(
    "commit",
    metadata,
    Column("first_change", BigInteger, primary_key=True),
    Column("last_change", BigInteger, nullable=False),
    Column(
        "transaction", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")
    ),
    Column("committed", DateTime(timezone=True), nullable=False),
    comment="The outbox: one row a transaction. Consumers read rows of transactions older than "
    "every running one, in order, and fetch the changes between the two numbers.",
)

loaded_part = Table(
    "loaded_part",
    metadata,
    Column("source", LargeBinary, nullable=False),
    Column("part", Integer, nullable=False),
    PrimaryKeyConstraint("source", "part"),
    comment="Parts of bulk files that are stored, by the hash of their content.",
)
