"""The audit trail is chained by hash, and no month is dropped before its time."""

from alembic import op

revision = "0014_audit_seal"
down_revision = "0013_store_narrow"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE INDEX event_by_number ON audit.event USING brin (number)
    WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE audit.seal (
    position bigint PRIMARY KEY,
    through bigint NOT NULL,
    gaps_from bigint[] NOT NULL,
    gaps_to bigint[] NOT NULL,
    gaps_since timestamptz[] NOT NULL,
    sealed timestamptz NOT NULL,
    algorithm text NOT NULL,
    leaves bytea NOT NULL,
    previous bytea NOT NULL,
    link bytea NOT NULL
);
COMMENT ON TABLE audit.seal IS
    'Batches of the trail, chained by hash: number, time and hash of each row.';
-- Hashes do not compress.
ALTER TABLE audit.seal ALTER COLUMN leaves SET STORAGE EXTERNAL;
CREATE INDEX seal_sealed ON audit.seal (sealed);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit.seal
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit.seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON audit.seal FROM PUBLIC, CURRENT_USER;

CREATE TABLE audit.retired (
    until timestamptz PRIMARY KEY,
    at timestamptz NOT NULL,
    partition text NOT NULL
);
COMMENT ON TABLE audit.retired IS
    'Months of the trail that were dropped because their time was over.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit.retired
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit.retired
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON audit.retired FROM PUBLIC, CURRENT_USER;

CREATE FUNCTION audit.retire(before timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    month record;
BEGIN
    IF before > now() - interval '183 days' THEN
        RAISE EXCEPTION 'the audit trail of the last 183 days is kept by law'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR month IN
        SELECT c.relname, to_date(substring(c.relname FROM 7), 'YYYY_MM') + interval '1 month' AS until
        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit.event'::regclass ORDER BY 1
    LOOP
        CONTINUE WHEN month.until AT TIME ZONE 'UTC' > before;
        INSERT INTO audit.retired VALUES (month.until AT TIME ZONE 'UTC', now(), month.relname);
        EXECUTE format('DROP TABLE audit.%I', month.relname);
        RETURN NEXT month.relname;
    END LOOP;
END $$;
COMMENT ON FUNCTION audit.retire IS 'Drops the months that end before the moment; none of the last 183 days.';
"""

DOWNGRADE = """
DROP FUNCTION audit.retire;
DROP TABLE audit.retired, audit.seal;
DROP INDEX audit.event_by_number;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
