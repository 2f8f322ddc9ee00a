"""Residents invite somebody to act for them."""

from alembic import op

revision = "0030_access_invitation"
down_revision = "0029_access_export"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE access.invitation (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text COLLATE "C" NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    actions text[] NOT NULL,
    until timestamptz NOT NULL,
    made timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    failures smallint NOT NULL DEFAULT 0,
    accepted timestamptz,
    withdrawn timestamptz
);
COMMENT ON TABLE access.invitation IS
    'A resident invites somebody to act for them; the code is kept as a hash.';
CREATE INDEX invitation_person ON access.invitation (person);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.invitation")
