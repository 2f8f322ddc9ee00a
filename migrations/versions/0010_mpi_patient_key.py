"""Persons and registrations carry their patient keys, so that access is decided inside a statement."""

from alembic import op
from sqlalchemy import text

from hie.kit.hashing import Hasher

revision = "0010_mpi_patient_key"
down_revision = "0009_auth"
branch_labels = None
depends_on = None

TABLES = ("person", "registration")
BATCH = 10_000

ADD = "ALTER TABLE mpi.{table} ADD COLUMN patient_key bigint"
NEXT = """
SELECT id FROM mpi.{table} WHERE patient_key IS NULL AND id > :after ORDER BY id LIMIT :limit
"""
FILL = """
UPDATE mpi.{table} t SET patient_key = i.patient_key
FROM unnest(CAST(:ids AS text[]), CAST(:keys AS bigint[])) AS i (id, patient_key) WHERE t.id = i.id
"""
FINISH = (
    "ALTER TABLE mpi.person ALTER COLUMN patient_key SET NOT NULL",
    "ALTER TABLE mpi.registration ALTER COLUMN patient_key SET NOT NULL",
    "CREATE UNIQUE INDEX person_patient_key ON mpi.person (patient_key)",
    """
    CREATE UNIQUE INDEX registration_patient_key
        ON mpi.registration (patient_key) INCLUDE (person)
    """,
    "DROP INDEX mpi.registration_person",
    "CREATE INDEX registration_person ON mpi.registration (person) INCLUDE (id, patient_key)",
)


def _fill(table: str, hasher: Hasher) -> None:
    connection = op.get_bind()
    after = ""
    while True:
        ids = list(
            connection.scalars(text(NEXT.format(table=table)), {"after": after, "limit": BATCH})
        )
        if not ids:
            return
        keys = [hasher(f"Patient/{logical_id}") for logical_id in ids]
        connection.execute(text(FILL.format(table=table)), {"ids": ids, "keys": keys})
        after = ids[-1]


def upgrade() -> None:
    # Only Python can compute the keyed hash; where there are rows, there is a key.
    key = op.get_bind().scalar(text("SELECT value FROM store.secret WHERE name = 'index'"))
    for table in TABLES:
        op.execute(ADD.format(table=table))
        if key is not None:
            _fill(table, Hasher(bytes(key)))
    for statement in FINISH:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX mpi.registration_person")
    for table in TABLES:
        op.execute(f"ALTER TABLE mpi.{table} DROP COLUMN patient_key")
    op.execute("CREATE INDEX registration_person ON mpi.registration (person) INCLUDE (id)")
