"""What decides about access beside tokens: openings with their reasons, and compiled consents."""

from sqlalchemy import (
    ARRAY,
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
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

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
    Column("institution", Integer),
    Column("basis", Text, nullable=False, server_default=""),
    Column("emergency", Boolean, nullable=False, server_default=text("false")),
    Column("seen", DateTime(timezone=True)),
    Column("reviewed", DateTime(timezone=True)),
    Column("reviewed_by", Text),
    Column("verdict", Text),
    Column("remark", Text),
    comment="A clinician stated a reason and may read this person's record until the time given.",
)
Index("opened_record_account", opened_record.c.account, opened_record.c.until)
Index("opened_record_patient", opened_record.c.patient)
Index(
    "opened_record_unreviewed",
    opened_record.c.number,
    postgresql_where=text("emergency AND reviewed IS NULL"),
)

visit_code = Table(
    "visit_code",
    metadata,
    Column("person", Text(collation="C"), primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),
    comment="The short-lived code by which a resident who is present lets a clinician read.",
)

authorisation = Table(
    "authorisation",
    metadata,
    Column("person", Text(collation="C"), primary_key=True),
    Column("account", Text, primary_key=True),
    Column("given", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    comment="A resident who was present has let this clinician read, by code.",
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("account", Text, nullable=False),
    Column("person", Text(collation="C"), nullable=False),
    Column("note", Text, nullable=False),
    Column("confirmed", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    comment="A clinician confirmed a second time, with a reason, that the sensitive part is needed.",
)
Index("confirmation_account", confirmation.c.account, confirmation.c.until)

label = Table(
    "label",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("class", Text(collation="C"), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    comment="Resources of sensitive classes, by their key. "
    "A label stays when a later version lacks its cause.",
)

representative = Table(
    "representative",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("person", Text(collation="C"), nullable=False),
    Column("representative", Text(collation="C"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actions", ARRAY(Text), nullable=False),
    Column("basis", Text, nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("ended", DateTime(timezone=True)),
    comment="Who acts for a resident: guardians of children, "
    "and proxies with an end and allowed actions.",
)
Index("representative_person", representative.c.person)
Index("representative_representative", representative.c.representative)

consent = Table(
    "consent",
    metadata,
    Column("id", Text(collation="C"), primary_key=True),
    Column("person", Text(collation="C"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column("compiled", DateTime(timezone=True), nullable=False),
    comment="Consents in force: whose, by whom, and which notice was shown.",
)
Index("consent_person", consent.c.person)


def _conditions() -> list[Column[object]]:
    """What a rule asks of the row, its reader and the moment; NULL asks nothing."""
    return [
        Column("valid_from", DateTime(timezone=True)),
        Column("valid_to", DateTime(timezone=True)),
        Column("types", ARRAY(SmallInteger)),
        Column("keys", ARRAY(BigInteger)),
        Column("custodians", ARRAY(Integer)),
        Column("dates_from", ARRAY(DateTime(timezone=True))),
        Column("dates_to", ARRAY(DateTime(timezone=True))),
        Column("marks", ARRAY(BigInteger)),
        Column("recipients", ARRAY(Text)),
        Column("purposes", ARRAY(Text)),
    ]


denial = Table(
    "denial",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "consent",
        Text(collation="C"),
        ForeignKey(consent.c.id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("person", Text(collation="C"), nullable=False),
    Column("place", Text, nullable=False),
    *_conditions(),
    comment="What a consent hides. Marks, recipients and purposes are groups, a line of the array "
    "each: one of every line has to be there.",
)
Index("denial_consent", denial.c.consent)
Index("denial_person", denial.c.person)

exception = Table(
    "exception",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("denial", BigInteger, ForeignKey(denial.c.number, ondelete="CASCADE"), nullable=False),
    *_conditions(),
    comment="What a denial does not hide.",
)
Index("exception_denial", exception.c.denial)

app_state = Table(
    "app_state",
    metadata,
    Column("id", Text(collation="C"), primary_key=True),
    Column("client", Text, nullable=False),
    Column("subject", Text(collation="C"), nullable=False),
    Column("code", Text, nullable=False),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("last_updated", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("body", LargeBinary, nullable=False),
    comment="What an app keeps about one person, or (empty subject) for all its users. No other "
    "app sees it.",
)
Index("app_state_owner", app_state.c.client, app_state.c.subject)

export = Table(
    "export",
    metadata,
    Column("id", Text(collation="C"), primary_key=True),
    Column("client", Text, nullable=False),
    Column("institution", Integer),
    Column("asked", JSONB, nullable=False),
    Column("moment", DateTime(timezone=True), nullable=False),
    Column("writers", ARRAY(Text), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("output", JSONB),
    comment="What backend services asked to export, as of which moment. It holds no resource.",
)
Index("export_client", export.c.client)

invitation = Table(
    "invitation",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("person", Text(collation="C"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("actions", ARRAY(Text), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("made", DateTime(timezone=True), nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),
    Column("accepted", DateTime(timezone=True)),
    Column("withdrawn", DateTime(timezone=True)),
    comment="A resident invites somebody to act for them; the code is kept as a hash.",
)
Index("invitation_person", invitation.c.person)
