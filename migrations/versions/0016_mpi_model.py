"""Models learned from the exchange's own registrations, of which one may be switched on."""

from alembic import op

revision = "0016_mpi_model"
down_revision = "0015_search_definition"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE mpi.model (
    version text PRIMARY KEY,
    digest text NOT NULL,
    content jsonb NOT NULL,
    made timestamptz NOT NULL,
    active boolean NOT NULL
);
CREATE UNIQUE INDEX model_active ON mpi.model (active) WHERE active;
COMMENT ON TABLE mpi.model IS
    'Weights learned here; without an active one the shipped model weighs.';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE mpi.model")
