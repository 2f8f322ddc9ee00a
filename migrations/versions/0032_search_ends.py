"""Rows of a type in the order of their date, and the far ends of ranges.

Searches on the whole district: a page of the newest, and what begins, ends or is measured beyond a limit.
"""

from alembic import op

revision = "0032_search_ends"
down_revision = "0031_mpi_comparison"
branch_labels = None
depends_on = None

# Entries of one moment share one place: 8 bytes a resource. The partial indexes hold hardly anything:
# most dates are no longer than a day, and most numbers are no ranges.
UPGRADE = """
CREATE INDEX resource_type_date ON store.resource (type, date_low);
CREATE INDEX resource_type_date_end ON store.resource (type, date_high)
    WHERE date_high - date_low > '1 day';
CREATE INDEX date_end ON search.date (parameter, high) WHERE high - low > '1 day';
CREATE INDEX number_high ON search.number (parameter, high) WHERE high > low;
CREATE INDEX quantity_high ON search.quantity (parameter, high) WHERE high > low;
"""

DOWNGRADE = """
DROP INDEX store.resource_type_date, store.resource_type_date_end, search.date_end,
    search.number_high, search.quantity_high;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
