"""Schema of the package ingest."""

from alembic import op

revision = "0007_ingest"
down_revision = "0006_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA ingest")


def downgrade() -> None:
    op.execute("DROP SCHEMA ingest CASCADE")
