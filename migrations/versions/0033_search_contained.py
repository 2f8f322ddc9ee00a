"""Contained resources can be searched; those that are stored already wait for `hie reindex`."""

from alembic import op

revision = "0033_search_contained"
down_revision = "0032_search_ends"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE search.contained (
    patient_key bigint NOT NULL,
    key bigint NOT NULL,
    date_low timestamptz,
    date_high timestamptz,
    type smallint NOT NULL,
    id text COLLATE "C" NOT NULL,
    tokens bigint[] NOT NULL,
    PRIMARY KEY (patient_key, key)
);
COMMENT ON TABLE search.contained IS
    'Contained resources, as conditions on resource rows read them; the key is made of the container''s.';
CREATE INDEX contained_type_key ON search.contained (type, key);
CREATE INDEX contained_tokens ON search.contained USING gin (tokens)
    WITH (gin_pending_list_limit = 512);
ALTER TABLE search.contained SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE search.reindex ADD COLUMN contained boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN search.reindex.contained IS
    'Whether everything that resources of the type contain is indexed.';
"""

# No definition has the number -1, so the work begins with counting what there is.
WAITING = """
INSERT INTO search.reindex
    (type, definitions, position, done, expected, rewritten, failed, started, reached, contained)
SELECT type, '{-1}', 0, 0, 0, 0, '{}', now(), now(), false FROM generate_series(1, 1000) AS type
WHERE EXISTS (SELECT FROM store.resource r WHERE r.type = type.type)
ON CONFLICT (type) DO UPDATE SET definitions = '{-1}', finished = NULL, contained = false
"""

DOWNGRADE = """
ALTER TABLE search.reindex DROP COLUMN contained;
DROP TABLE search.contained;
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    op.execute(WAITING)


def downgrade() -> None:
    op.execute(DOWNGRADE)
