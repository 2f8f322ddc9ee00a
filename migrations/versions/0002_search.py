"""Schema of the package search."""

from alembic import op

revision = "0002_search"
down_revision = "0001_store"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA search")


def downgrade() -> None:
    op.execute("DROP SCHEMA search CASCADE")
