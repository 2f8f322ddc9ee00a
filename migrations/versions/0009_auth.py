"""Tokens of staff say which roles their holder has."""

from alembic import op

revision = "0009_auth"
down_revision = "0008_web"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE auth.token ADD COLUMN roles text[] NOT NULL DEFAULT '{}'",
    """
    UPDATE auth.token t SET roles = a.roles FROM auth.account a
    WHERE a.login = t.account AND t.kind = 'access'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE auth.token DROP COLUMN roles")
