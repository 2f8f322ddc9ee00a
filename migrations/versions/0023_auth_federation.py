"""Sign-ins of residents at their region's identity provider."""

from alembic import op

revision = "0023_auth_federation"
down_revision = "0022_search_last_updated"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE auth.federated_sign_in (
            hash bytea PRIMARY KEY,
            state text NOT NULL,
            nonce text NOT NULL,
            verifier text NOT NULL,
            query text NOT NULL,
            expires_at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE auth.federated_sign_in")
