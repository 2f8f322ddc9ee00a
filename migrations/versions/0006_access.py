"""Records opened by clinicians, with reasons."""

from alembic import op

revision = "0006_access"
down_revision = "0005_auth"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA access;
CREATE TABLE access.opened_record (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    client_id text NOT NULL,
    patient text NOT NULL,
    reason text NOT NULL,
    note text NOT NULL,
    opened timestamptz NOT NULL,
    until timestamptz NOT NULL
);
COMMENT ON TABLE access.opened_record IS
    'A clinician stated a reason and may read this person''s record until the time given.';
CREATE INDEX opened_record_account ON access.opened_record (account, until);
CREATE INDEX opened_record_patient ON access.opened_record (patient);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP SCHEMA access CASCADE")
