"""Resources of a type in the order of their last change: `_lastUpdated`, and `_sort` by it."""

from alembic import op

revision = "0022_search_last_updated"
down_revision = "0021_access_hidden"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Resources that were loaded together share the moment, and so one entry.
    op.execute("CREATE INDEX resource_type_last_updated ON store.resource (type, last_updated)")


def downgrade() -> None:
    op.execute("DROP INDEX store.resource_type_last_updated")
