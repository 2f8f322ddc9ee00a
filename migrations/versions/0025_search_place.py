"""Index rows are found by their resource alone; the few that it has are told apart without an index.

Without the parameter the several names of a resource share one entry of the index.
"""

from alembic import op

revision = "0025_search_place"
down_revision = "0024_store_pending"
branch_labels = None
depends_on = None

TABLES = ("string", "date", "number", "quantity", "composite")


def _place(columns: str) -> None:
    for table in TABLES:
        op.execute(f"DROP INDEX search.{table}_place")
        op.execute(f"CREATE INDEX {table}_place ON search.{table} ({columns})")


def upgrade() -> None:
    _place("patient_key, key")


def downgrade() -> None:
    _place("patient_key, key, parameter")
