"""When what is published of an institution last changed."""

from alembic import op

revision = "0027_store_institution_changed"
down_revision = "0026_auth_sealed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE store.institution ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now()"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE store.institution DROP COLUMN changed_at")
