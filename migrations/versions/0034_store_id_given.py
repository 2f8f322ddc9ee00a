"""How a resource came to be, so that its history can say it; a byte in each row."""

from alembic import op

revision = "0034_store_id_given"
down_revision = "0033_search_contained"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE store.resource ADD COLUMN id_given boolean;
ALTER TABLE store.history ADD COLUMN id_given boolean;
COMMENT ON COLUMN store.resource.id_given IS
    'Whether its sender gave the id, with PUT; null in rows that are older than this column.';
"""
DOWNGRADE = """
ALTER TABLE store.history DROP COLUMN id_given;
ALTER TABLE store.resource DROP COLUMN id_given;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
