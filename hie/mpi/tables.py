"""The tables of the master patient index."""

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(schema="mpi")

revision = Sequence("revision", metadata=metadata)

person = Table(
    "person",
    metadata,
    Column("id", Text(collation="C"), primary_key=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("merged_into", Text(collation="C")),
    Column("patient_key", BigInteger, nullable=False),
    comment="A resident; the id is also that of the golden Patient. "
    "A merged person redirects to another.",
)
Index(
    "person_merged_into",
    person.c.merged_into,
    postgresql_where=text("merged_into IS NOT NULL"),
)

Index("person_patient_key", person.c.patient_key, unique=True)

registration = Table(
    "registration",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("id", Text(collation="C"), nullable=False, unique=True),
    Column("institution", Integer, nullable=False),
    Column("person", Text(collation="C"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("patient_key", BigInteger, nullable=False),
    Column("birth_date", Text(collation="C"), nullable=False),
    Column("keys", ARRAY(BigInteger), nullable=False),
    Column("features", JSONB, nullable=False),
    Column("content", JSONB, nullable=False),
    comment="A source Patient: the person it belongs to, what is compared, "
    "and what the golden record takes from it.",
)
Index("registration_person", registration.c.person, postgresql_include=["id", "patient_key"])
Index(
    "registration_patient_key",
    registration.c.patient_key,
    unique=True,
    postgresql_include=["person"],
)
Index("registration_birth_date", registration.c.birth_date)

block = Table(
    "block",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("registration", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", "registration"),
    comment="Which registrations share a block key and are worth comparing.",
)

link_event = Table(
    "link_event",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("person", Text(collation="C"), nullable=False),
    Column("other", Text(collation="C")),
    Column("registrations", ARRAY(Text), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bits", REAL),
    Column("model", Text),
    Column("undoes", BigInteger),
    comment="Every link, unlink, merge, unmerge and not-duplicate: who, why, when. Append-only.",
)
Index("link_event_person", link_event.c.person, link_event.c.number)
Index(
    "link_event_other",
    link_event.c.other,
    link_event.c.number,
    postgresql_where=text("other IS NOT NULL"),
)

apart = Table(
    "apart",
    metadata,
    Column("low", Text(collation="C"), nullable=False),
    Column("high", Text(collation="C"), nullable=False),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("low", "high"),
    comment="Pairs of registrations that a steward has said are not one person, smaller id first.",
)
Index("apart_high", apart.c.high)

review = Table(
    "review",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("opened", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("registration", Text(collation="C"), nullable=False),
    Column("person", Text(collation="C"), nullable=False),
    Column("other", Text(collation="C"), nullable=False),
    Column("bits", REAL, nullable=False),
    Column("guards", ARRAY(Text), nullable=False),
    Column("closed", DateTime(timezone=True)),
    Column("decision", Text),
    Column("actor", Text),
    Column("evidence", JSONB, comment="both sides and the weights, as they were when decided"),
    comment="What a steward should look at: `registration` is in `person` "
    "and may belong to `other`, or not.",
)
Index(
    "review_open",
    func.least(review.c.person, review.c.other),
    func.greatest(review.c.person, review.c.other),
    unique=True,
    postgresql_where=text("closed IS NULL"),
)
Index(
    "review_queue",
    review.c.bits.desc(),
    review.c.number,
    postgresql_where=text("closed IS NULL"),
)
Index(
    "review_closed",
    review.c.number,
    postgresql_where=text("closed IS NOT NULL AND evidence IS NOT NULL"),
)

opinion = Table(
    "opinion",
    metadata,
    Column("review", BigInteger, ForeignKey("mpi.review.number"), nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("review", "reviewer"),
    comment="What each reviewer thinks of a review: same, different or unsure. "
    "Two of one review measure agreement.",
)

asked = Table(
    "asked",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("times", Integer, nullable=False),
    comment="How often a caller has asked for matches in a minute.",
    prefixes=["UNLOGGED"],
)

model = Table(
    "model",
    metadata,
    Column("version", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("made", DateTime(timezone=True), nullable=False),
    Column("active", Boolean, nullable=False),
    Column(
        "comparison", JSONB, comment="with which model, on how many registrations, what differed"
    ),
    comment="Weights learned here; without an active one the shipped model weighs.",
)
Index("model_active", model.c.active, unique=True, postgresql_where=text("active"))

subscriber = Table(
    "subscriber",
    metadata,
    Column("institution", Integer, nullable=False),
    Column("subscription", Text(collation="C"), nullable=False),
    PrimaryKeyConstraint("institution", "subscription"),
    comment="Institutions with active Subscriptions: changes of links of their registrations "
    "are noticed.",
)

notice = Table(
    "notice",
    metadata,
    Column("event", BigInteger, nullable=False),
    Column("institution", Integer, nullable=False),
    PrimaryKeyConstraint("event", "institution"),
    comment="The outbox of link changes: written with the event, "
    "removed once deliveries are made of it.",
)
