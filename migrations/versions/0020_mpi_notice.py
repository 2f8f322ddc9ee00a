"""Notices of link changes are written by the database, with the event.

A part of the inserting statement would be planned with each registration, 3 ms each time on a busy
machine; a trigger's statements are planned once for each session, and while nobody subscribes it
asks one empty table.
"""

from alembic import op

revision = "0020_mpi_notice"
down_revision = "0019_search_units"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE FUNCTION mpi.notice_links() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM mpi.subscriber) THEN
        INSERT INTO mpi.notice (event, institution)
        SELECT DISTINCT w.number, r.institution
        FROM written w JOIN mpi.registration r ON r.id = ANY(w.registrations)
        JOIN mpi.subscriber s ON s.institution = r.institution
        WHERE w.kind <> 'not-duplicate';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION mpi.notice_links IS
    'Institutions that subscribe are to be told of changes to links of their own registrations.';
CREATE TRIGGER notice_links AFTER INSERT ON mpi.link_event
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION mpi.notice_links();
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TRIGGER notice_links ON mpi.link_event")
    op.execute("DROP FUNCTION mpi.notice_links")
