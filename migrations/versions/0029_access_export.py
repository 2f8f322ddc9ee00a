"""What backend services asked to export."""

from alembic import op

revision = "0029_access_export"
down_revision = "0028_access_app_state"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE access.export (
    id text COLLATE "C" PRIMARY KEY,
    client text NOT NULL,
    institution integer,
    asked jsonb NOT NULL,
    moment timestamptz NOT NULL,
    writers text[] NOT NULL,
    until timestamptz NOT NULL,
    output jsonb
);
COMMENT ON TABLE access.export IS
    'What backend services asked to export, as of which moment. It holds no resource.';
CREATE INDEX export_client ON access.export (client);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.export")
