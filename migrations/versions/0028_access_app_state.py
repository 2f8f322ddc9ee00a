"""What apps keep for themselves."""

from alembic import op

revision = "0028_access_app_state"
down_revision = "0027_store_institution_changed"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE access.app_state (
    id text COLLATE "C" PRIMARY KEY,
    client text NOT NULL,
    subject text COLLATE "C" NOT NULL,
    code text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    last_updated timestamptz NOT NULL DEFAULT now(),
    body bytea NOT NULL
);
COMMENT ON TABLE access.app_state IS
    'What an app keeps about one person, or (empty subject) for all its users. No other app sees it.';
CREATE INDEX app_state_owner ON access.app_state (client, subject);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.app_state")
