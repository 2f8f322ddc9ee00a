"""Statistics of units: which parameter has which decides how many rows a quantity has."""

from alembic import op

revision = "0019_search_units"
down_revision = "0018_subscriptions"
branch_labels = None
depends_on = None

UPGRADE = """
-- Taken as independent, 2,240 rows of one parameter and unit were expected to be 296.
CREATE STATISTICS search.quantity_parameter_unit (mcv, ndistinct) ON parameter, unit
    FROM search.quantity;
CREATE STATISTICS search.composite_parameter_unit (mcv, ndistinct) ON parameter, unit
    FROM search.composite;
ALTER TABLE search.quantity ALTER COLUMN unit SET STATISTICS 1000;
ALTER TABLE search.composite ALTER COLUMN tokens SET STATISTICS 1000;
ALTER TABLE store.resource ALTER COLUMN patient_key SET STATISTICS 1000;
-- Entries wait there before they are put in their places; every search reads them all until then.
ALTER INDEX search.composite_tokens SET (gin_pending_list_limit = 1024);
ALTER TABLE search.vocabulary
    SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE store.resource
    SET (autovacuum_vacuum_insert_scale_factor = 0.02);
"""

DOWNGRADE = """
DROP STATISTICS search.quantity_parameter_unit;
DROP STATISTICS search.composite_parameter_unit;
ALTER TABLE search.quantity ALTER COLUMN unit SET STATISTICS -1;
ALTER TABLE search.composite ALTER COLUMN tokens SET STATISTICS -1;
ALTER TABLE store.resource ALTER COLUMN patient_key SET STATISTICS -1;
ALTER INDEX search.composite_tokens RESET (gin_pending_list_limit);
ALTER TABLE search.vocabulary
    RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE store.resource RESET (autovacuum_vacuum_insert_scale_factor);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
