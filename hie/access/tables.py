"""Records that clinicians have opened, each with its reason and its end."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, MetaData, Table, Text

metadata = MetaData(schema="access")

opened_record = Table(
    "opened_record",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("account", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("opened", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    comment="A clinician stated a reason and may read this person's record until the time given.",
)
Index("opened_record_account", opened_record.c.account, opened_record.c.until)
Index("opened_record_patient", opened_record.c.patient)
