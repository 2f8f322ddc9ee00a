"""A model is compared with the one in use before it is switched on; what that came to is kept."""

from alembic import op

revision = "0031_mpi_comparison"
down_revision = "0030_access_invitation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE mpi.model ADD COLUMN comparison jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE mpi.model DROP COLUMN comparison")
