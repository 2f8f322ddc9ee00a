"""Secrets that have to be read again are kept sealed; what is there gets sealed at the next start.

The key is not the database's, so a migration cannot seal: a leading zero byte marks what is plain.
"""

from alembic import op

revision = "0026_auth_sealed"
down_revision = "0025_search_place"
branch_labels = None
depends_on = None

REFUSE = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM auth.sealing_key) THEN
        RAISE EXCEPTION 'secrets are sealed: they cannot become readable again';
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE auth.sealing_key (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            fingerprint bytea NOT NULL
        )
        """
    )
    op.execute(
        r"""
        ALTER TABLE auth.account ALTER COLUMN totp_secret TYPE bytea
        USING '\x00'::bytea || convert_to(totp_secret, 'UTF8')
        """
    )
    op.execute(
        r"""
        ALTER TABLE auth.signing_key ALTER COLUMN private_jwk TYPE bytea
        USING '\x00'::bytea || convert_to(private_jwk::text, 'UTF8')
        """
    )


def downgrade() -> None:
    op.execute(REFUSE)
    op.execute(
        """
        ALTER TABLE auth.signing_key ALTER COLUMN private_jwk TYPE jsonb
        USING convert_from(substr(private_jwk, 2), 'UTF8')::jsonb
        """
    )
    op.execute(
        """
        ALTER TABLE auth.account ALTER COLUMN totp_secret TYPE text
        USING convert_from(substr(totp_secret, 2), 'UTF8')
        """
    )
    op.execute("DROP TABLE auth.sealing_key")
