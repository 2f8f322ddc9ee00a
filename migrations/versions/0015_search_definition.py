"""Search parameters that were added, and how far resources are indexed anew for them."""

from alembic import op

revision = "0015_search_definition"
down_revision = "0014_audit_seal"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE search.generation (number bigint NOT NULL);
COMMENT ON TABLE search.generation IS
    'Its one row has another number after every change of the definitions.';
INSERT INTO search.generation VALUES (0);

CREATE TABLE search.definition (
    number smallint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (START WITH 10000),
    resource text COLLATE "C" NOT NULL UNIQUE,
    url text NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    bases jsonb NOT NULL,
    targets text[] NOT NULL,
    components jsonb NOT NULL,
    ready boolean NOT NULL
);
COMMENT ON TABLE search.definition IS
    'Search parameters beyond those of R4. Bases: by resource type the expression. Ready: every resource is indexed by it.';

CREATE TABLE search.reindex (
    type smallint PRIMARY KEY,
    definitions smallint[] NOT NULL,
    position bigint NOT NULL,
    done bigint NOT NULL,
    expected bigint NOT NULL,
    rewritten bigint NOT NULL,
    failed text[] NOT NULL,
    started timestamptz NOT NULL,
    reached timestamptz NOT NULL,
    finished timestamptz
);
COMMENT ON TABLE search.reindex IS
    'How far each type is indexed anew under certain definitions: all keys up to position. Failed: ids that could not be read.';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE search.reindex, search.definition, search.generation")
