"""Reviewers' opinions with what they saw; how often a caller has asked for matches."""

from alembic import op

revision = "0011_mpi_review"
down_revision = "0010_mpi_patient_key"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE mpi.review ADD COLUMN evidence jsonb",
    "COMMENT ON COLUMN mpi.review.evidence IS 'both sides and the weights, as they were when decided'",
    """
    CREATE TABLE mpi.opinion (
        review bigint NOT NULL REFERENCES mpi.review (number),
        reviewer text NOT NULL,
        verdict text NOT NULL,
        note text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (review, reviewer)
    )
    """,
    "COMMENT ON TABLE mpi.opinion IS "
    "'What each reviewer thinks of a review: same, different or unsure. Two of one review measure agreement.'",
    "CREATE INDEX review_closed ON mpi.review (number) WHERE closed IS NOT NULL AND evidence IS NOT NULL",
    # Losing these counts in a crash costs nothing.
    """
    CREATE UNLOGGED TABLE mpi.asked (
        caller text PRIMARY KEY,
        minute timestamptz NOT NULL,
        times integer NOT NULL
    )
    """,
    "COMMENT ON TABLE mpi.asked IS 'How often a caller has asked for matches in a minute.'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE mpi.asked, mpi.opinion")
    op.execute("DROP INDEX mpi.review_closed")
    op.execute("ALTER TABLE mpi.review DROP COLUMN evidence")
