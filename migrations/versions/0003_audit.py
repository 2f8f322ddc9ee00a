"""The audit trail: one table, a partition for each month, append-only."""

from alembic import op

revision = "0003_audit"
down_revision = "0002_search"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA audit;

CREATE SEQUENCE audit.event_number;

CREATE TABLE audit.event (
    number bigint NOT NULL DEFAULT nextval('audit.event_number'),
    recorded timestamptz NOT NULL,
    action char(1) NOT NULL CHECK (action IN ('C', 'R', 'U', 'D', 'E')),
    interaction text NOT NULL,
    outcome smallint NOT NULL CHECK (outcome IN (0, 4, 8, 12)),
    client_id text NOT NULL,
    account text,
    fhir_user text,
    institution integer,
    purpose text,
    reason text,
    patient text,
    entity_type text,
    entity_id text,
    entity_version integer,
    entity_count integer,
    query text,
    request_id text,
    address text,
    PRIMARY KEY (recorded, number)
) PARTITION BY RANGE (recorded);
COMMENT ON TABLE audit.event IS
    'Every disclosure and every change. Rows are only ever added; whole months are dropped when their time is over.';
CREATE INDEX event_patient ON audit.event (patient, number) WHERE patient IS NOT NULL;
CREATE INDEX event_account ON audit.event (account, number) WHERE account IS NOT NULL;

CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
-- Row triggers of a partitioned table apply to every partition, also when it is named directly.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit.event
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit.event
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON audit.event FROM PUBLIC, CURRENT_USER;

CREATE FUNCTION audit.prepare_month(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_day timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    partition text := 'event_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass('audit.' || partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('audit.prepare_month', 0));
    -- A query with a snapshot of its own: to_regclass would remember its answer from before the wait.
    IF EXISTS (
        SELECT FROM pg_catalog.pg_class
        WHERE relname = partition AND relnamespace = 'audit'::regnamespace
    ) THEN
        RETURN;
    END IF;
    -- ATTACH lets others go on writing; CREATE TABLE ... PARTITION OF would lock them out.
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
    EXECUTE format(
        'ALTER TABLE audit.event ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)',
        partition, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format(
        'CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit.%I FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()',
        partition);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit.%I FROM PUBLIC, CURRENT_USER', partition);
END $$;
COMMENT ON FUNCTION audit.prepare_month IS
    'Makes the partition of the month (in UTC) in which the moment lies, unless it is there.';

SELECT audit.prepare_month(now()), audit.prepare_month(now() + interval '1 month');
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP SCHEMA audit CASCADE")
