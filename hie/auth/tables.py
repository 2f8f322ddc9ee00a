"""Tables of the authorization server, schema `auth`.

Secrets, tokens, codes and cookies are kept as SHA-256 hashes only. Everything that is issued
expires; `hie.auth.purge` removes what is over. All tables are small and become reference tables
when the clinical tables are distributed.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="auth")

_moment = DateTime(timezone=True)

client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="public, symmetric or asymmetric"),
    Column("status", Text, nullable=False, comment="active, pending or disabled"),
    Column("secret_hash", LargeBinary),
    Column("jwks", JSONB),
    Column("jwks_uri", Text),
    Column("jwks_asked_at", _moment, comment="when the keys were last fetched from the address"),
    Column("redirect_uris", ARRAY(Text), nullable=False),
    Column("launch_uri", Text),
    Column("scopes", Text, nullable=False),
    Column("grant_types", ARRAY(Text), nullable=False),
    Column("account_kinds", ARRAY(Text), nullable=False),
    Column("institution", Integer),
    Column("trusted", Boolean, nullable=False, comment="the exchange's own: no approval page"),
    Column("created_at", _moment, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("login", Text, primary_key=True),
    Column("subject", Uuid, nullable=False, unique=True, comment="the `sub` of id tokens"),
    Column("kind", Text, nullable=False, comment="resident or staff"),
    Column("password_hash", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("fhir_user", Text, nullable=False),
    Column("patient", Text, comment="golden Patient id of a resident"),
    Column("institution", Integer),
    Column("roles", ARRAY(Text), nullable=False),
    Column("totp_secret", LargeBinary, comment="sealed: hie.auth.sealed"),
    Column("totp_step", BigInteger, comment="the last step used: a code works once"),
    Column("failed_attempts", Integer, nullable=False),
    Column("locked_until", _moment),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", _moment, nullable=False),
)

federated_sign_in = Table(
    "federated_sign_in",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="of the browser's cookie"),
    Column("state", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("query", Text, nullable=False, comment="the authorization request that waits"),
    Column("expires_at", _moment, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("account", Text, ForeignKey("auth.account.login", ondelete="CASCADE"), nullable=False),
    Column("verified", Boolean, nullable=False, comment="every factor was given"),
    Column("agent", Text, nullable=False),
    Column("signed_in_at", _moment, nullable=False),
    Column("idle_until", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Index("session_account", "account"),
)

launch = Table(
    "launch",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("patient", Text),
    Column("context", JSONB, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("used_at", _moment),
)

pushed_request = Table(
    "pushed_request",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("expires_at", _moment, nullable=False),
)

family = Table(
    "family",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("holder", Text, nullable=False, comment="resident or staff"),
    Column("account", Text, nullable=False),
    Column("fhir_user", Text, nullable=False),
    Column("institution", Integer),
    Column("patient", Text),
    Column("scopes", Text, nullable=False),
    Column("context", JSONB, nullable=False),
    Column("session", LargeBinary, comment="online access ends with this browser session"),
    Column("key_thumbprint", Text, comment="RFC 9449: the key that the tokens are bound to"),
    Column("signed_in_at", _moment, nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("revoked_at", _moment),
    Index("family_account", "account"),
    Index("family_session", "session"),
)

code = Table(
    "code",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("family", Uuid, ForeignKey("auth.family.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("nonce", Text),
    Column("expires_at", _moment, nullable=False),
    Column("used_at", _moment),
    Index("code_family", "family"),
)

token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False, comment="access or refresh"),
    Column("family", Uuid, ForeignKey("auth.family.id", ondelete="CASCADE")),
    Column("client_id", Text, nullable=False),
    Column("holder", Text, nullable=False, comment="operator, institution, resident or staff"),
    Column("account", Text),
    Column("fhir_user", Text),
    Column("institution", Integer),
    Column("patient", Text),
    Column("scopes", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("key_thumbprint", Text),
    Column("issued_at", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("used_at", _moment, comment="a refresh token that was exchanged"),
    Column("revoked_at", _moment),
    Index("token_family", "family"),
    Index("token_expires_at", "expires_at"),
)

used_identifier = Table(
    "used_identifier",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="of the issuer and the jti"),
    Column("expires_at", _moment, nullable=False),
)

occurrence = Table(
    "occurrence",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("recorded", _moment, nullable=False),
    Column("what", Text, nullable=False),
    Column("account", Text),
    Column("client_id", Text),
    Column("address", Text),
    Column("agent", Text, nullable=False),
    Index("occurrence_account", "account", "number"),
)

sealing_key = Table(
    "sealing_key",
    metadata,
    Column("one", Boolean, primary_key=True, server_default="true"),
    Column("fingerprint", LargeBinary, nullable=False, comment="of the key outside the database"),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("private_jwk", LargeBinary, nullable=False, comment="sealed: hie.auth.sealed"),
    Column("created_at", _moment, nullable=False),
    Column("retired_at", _moment),
)
