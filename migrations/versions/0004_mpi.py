"""Schema of the package mpi."""

from alembic import op

revision = "0004_mpi"
down_revision = "0003_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA mpi")


def downgrade() -> None:
    op.execute("DROP SCHEMA mpi CASCADE")
