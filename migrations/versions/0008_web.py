"""Schema of the package web."""

from alembic import op

revision = "0008_web"
down_revision = "0007_ingest"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA web")


def downgrade() -> None:
    op.execute("DROP SCHEMA web CASCADE")
