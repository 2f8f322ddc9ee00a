"""Messages on their way to subscribers."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)

metadata = MetaData(schema="subscriptions")

delivery = Table(
    "delivery",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("subscription", Text(collation="C"), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="Messages on their way; those of one subscription go out in the order of their numbers.",
)
Index("delivery_subscription", delivery.c.subscription, delivery.c.number)
