"""Consents as compiled rules, which every statement asks."""

from alembic import op

revision = "0012_access_consent"
down_revision = "0011_mpi_review"
branch_labels = None
depends_on = None

CONDITIONS = """
    valid_from timestamptz,
    valid_to timestamptz,
    types smallint[],
    keys bigint[],
    custodians integer[],
    dates_from timestamptz[],
    dates_to timestamptz[],
    marks bigint[],
    recipients text[],
    purposes text[]
"""

UPGRADE = f"""
CREATE TABLE access.consent (
    id text COLLATE "C" PRIMARY KEY,
    person text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    given_by text NOT NULL,
    notice text NOT NULL,
    compiled timestamptz NOT NULL
);
COMMENT ON TABLE access.consent IS
    'Consents in force: whose, by whom, and which notice was shown.';
CREATE INDEX consent_person ON access.consent (person);

CREATE TABLE access.denial (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consent text COLLATE "C" NOT NULL REFERENCES access.consent ON DELETE CASCADE,
    person text COLLATE "C" NOT NULL,
    place text NOT NULL,
    {CONDITIONS}
);
COMMENT ON TABLE access.denial IS
    'What a consent hides. Marks, recipients and purposes are groups, a line of the array each: one of every line has to be there.';
CREATE INDEX denial_consent ON access.denial (consent);
CREATE INDEX denial_person ON access.denial (person);

CREATE TABLE access.exception (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    denial bigint NOT NULL REFERENCES access.denial ON DELETE CASCADE,
    {CONDITIONS}
);
COMMENT ON TABLE access.exception IS 'What a denial does not hide.';
CREATE INDEX exception_denial ON access.exception (denial);
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.exception, access.denial, access.consent")
