"""Browser sessions of the portals, schema `web`.

A row is found by a hash of the cookie, and its content is encrypted with a key that only the cookie
holds: who reads the database gets neither sessions nor access tokens.
"""

from sqlalchemy import Column, DateTime, Index, LargeBinary, MetaData, Table, Text

metadata = MetaData(schema="web")

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False, comment="portal and stage, such as resident:signed-in"),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("session_expires_at", "expires_at"),
)
