"""Treatment relationships, emergency openings with review, sensitive labels, representatives."""

from alembic import op

revision = "0017_access_opening"
down_revision = "0016_mpi_model"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE access.opened_record
    ADD COLUMN institution integer,
    ADD COLUMN basis text NOT NULL DEFAULT '',
    ADD COLUMN emergency boolean NOT NULL DEFAULT false,
    ADD COLUMN seen timestamptz,
    ADD COLUMN reviewed timestamptz,
    ADD COLUMN reviewed_by text,
    ADD COLUMN verdict text,
    ADD COLUMN remark text;
CREATE INDEX opened_record_unreviewed ON access.opened_record (number)
    WHERE emergency AND reviewed IS NULL;

CREATE TABLE access.visit_code (
    person text COLLATE "C" PRIMARY KEY,
    hash bytea NOT NULL,
    until timestamptz NOT NULL,
    failures smallint NOT NULL DEFAULT 0
);
COMMENT ON TABLE access.visit_code IS
    'The short-lived code by which a resident who is present lets a clinician read.';

CREATE TABLE access.authorisation (
    person text COLLATE "C" NOT NULL,
    account text NOT NULL,
    given timestamptz NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (person, account)
);
COMMENT ON TABLE access.authorisation IS
    'A resident who was present has let this clinician read, by code.';

CREATE TABLE access.confirmation (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    person text COLLATE "C" NOT NULL,
    note text NOT NULL,
    confirmed timestamptz NOT NULL,
    until timestamptz NOT NULL
);
COMMENT ON TABLE access.confirmation IS
    'A clinician confirmed a second time, with a reason, that the sensitive part is needed.';
CREATE INDEX confirmation_account ON access.confirmation (account, until);

CREATE TABLE access.label (
    key bigint NOT NULL,
    class text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (key, class)
);
COMMENT ON TABLE access.label IS
    'Resources of sensitive classes, by their key. A label stays when a later version lacks its cause.';

CREATE TABLE access.representative (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text COLLATE "C" NOT NULL,
    representative text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('guardian', 'proxy')),
    actions text[] NOT NULL,
    basis text NOT NULL,
    granted_by text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    ended timestamptz
);
COMMENT ON TABLE access.representative IS
    'Who acts for a resident: guardians of children, and proxies with an end and allowed actions.';
CREATE INDEX representative_person ON access.representative (person);
CREATE INDEX representative_representative ON access.representative (representative);
"""

DOWNGRADE = """
DROP TABLE access.representative, access.label, access.confirmation, access.authorisation,
    access.visit_code;
DROP INDEX access.opened_record_unreviewed;
ALTER TABLE access.opened_record
    DROP COLUMN institution, DROP COLUMN basis, DROP COLUMN emergency, DROP COLUMN seen,
    DROP COLUMN reviewed, DROP COLUMN reviewed_by, DROP COLUMN verdict, DROP COLUMN remark;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
