"""Web: sessions of the portals. Kept apart from the authorization server's: the portals are its clients."""

from alembic import op

revision = "0008_web"
down_revision = "0007_ingest"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA web;

CREATE TABLE web.session (
    hash bytea PRIMARY KEY,
    kind text NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON COLUMN web.session.kind IS 'portal and stage, such as resident:signed-in';
COMMENT ON COLUMN web.session.sealed IS
    'AES-256-GCM with a key that only the browser''s cookie holds; `hash` is another one of the cookie.';
CREATE INDEX session_expires_at ON web.session (expires_at);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP SCHEMA web CASCADE")
