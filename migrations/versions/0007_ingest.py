"""Ingest: the inbox and the senders of HL7 v2 messages."""

from alembic import op

revision = "0007_ingest"
down_revision = "0006_access"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA ingest;

CREATE TABLE ingest.sender (
    facility text NOT NULL,
    application text NOT NULL DEFAULT '',
    institution integer NOT NULL,
    networks cidr[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (facility, application)
);
COMMENT ON TABLE ingest.sender IS
    'Which institution an HL7 v2 sender (MSH-4, MSH-3) belongs to, and from which networks it may connect. Application empty: any. No networks: any.';

CREATE TABLE ingest.inbox (
    institution integer NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    channel text NOT NULL,
    control_id text NOT NULL,
    message_type text NOT NULL,
    received timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'received',
    attempts integer NOT NULL DEFAULT 0,
    settled timestamptz,
    patient text,
    reason jsonb,
    peer text,
    content_hash bytea NOT NULL,
    body bytea NOT NULL,
    mended bytea,
    PRIMARY KEY (institution, id),
    CONSTRAINT inbox_content UNIQUE (institution, control_id, content_hash),
    CONSTRAINT inbox_state CHECK (state IN ('received', 'done', 'quarantined'))
);
COMMENT ON TABLE ingest.inbox IS
    'Messages exactly as received. `mended` is the corrected text of one that was wrong, `patient` the id of the Patient it is about, `settled` when it was done or quarantined.';
CREATE INDEX inbox_waiting ON ingest.inbox (institution, id) WHERE state = 'received';
CREATE INDEX inbox_quarantined ON ingest.inbox (institution, id) WHERE state = 'quarantined';
CREATE INDEX inbox_patient ON ingest.inbox (institution, patient, id) WHERE state = 'done';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP SCHEMA ingest CASCADE")
