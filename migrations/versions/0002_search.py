"""Search: the index tables beside the token array, and the vocabulary."""

from alembic import op

revision = "0002_search"
down_revision = "0001_store"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE SCHEMA search;
"""

VOCABULARY = """
CREATE TABLE search.vocabulary (
    parameter smallint NOT NULL,
    hash bigint NOT NULL,
    text text COLLATE "C" NOT NULL,
    PRIMARY KEY (parameter, hash)
);
COMMENT ON TABLE search.vocabulary IS
    'What a hash in a token array stands for, where a search must go from a text to hashes: displays, addresses, units, and which parameters a resource has.';
CREATE INDEX vocabulary_text ON search.vocabulary (parameter, left(text, 100));
"""

# Rows are found by value from the parameter's index, and by place from the other.
STRING = """
CREATE TABLE search.string (
    patient_key bigint NOT NULL,
    key bigint NOT NULL,
    parameter smallint NOT NULL,
    value text COLLATE "C" NOT NULL
);
COMMENT ON TABLE search.string IS
    'Normalised strings; of Chinese names also pinyin and its initials.';
-- A B-tree entry holds at most 2.7 kB; longer values are compared by their beginning first.
CREATE INDEX string_value ON search.string (parameter, left(value, 100));
CREATE INDEX string_place ON search.string (patient_key, key, parameter);
"""

DATE = """
CREATE TABLE search.date (
    patient_key bigint NOT NULL,
    key bigint NOT NULL,
    low timestamptz NOT NULL,
    high timestamptz NOT NULL,
    parameter smallint NOT NULL
);
COMMENT ON TABLE search.date IS
    'Dates as half-open ranges, but for the primary date, which is on the resource row.';
CREATE INDEX date_low ON search.date (parameter, low);
CREATE INDEX date_place ON search.date (patient_key, key, parameter);
"""

NUMBER = """
CREATE TABLE search.number (
    patient_key bigint NOT NULL,
    key bigint NOT NULL,
    parameter smallint NOT NULL,
    low numeric NOT NULL,
    high numeric NOT NULL
);
COMMENT ON TABLE search.number IS 'Numbers; low and high differ only for ranges.';
CREATE INDEX number_low ON search.number (parameter, low);
CREATE INDEX number_place ON search.number (patient_key, key, parameter);
"""

QUANTITY = """
CREATE TABLE search.quantity (
    patient_key bigint NOT NULL,
    key bigint NOT NULL,
    unit bigint NOT NULL,
    parameter smallint NOT NULL,
    low numeric NOT NULL,
    high numeric NOT NULL
);
COMMENT ON TABLE search.quantity IS
    'Quantities as sent; the unit is a hash of the vocabulary, where the units that can be converted are found.';
CREATE INDEX quantity_low ON search.quantity (parameter, unit, low);
CREATE INDEX quantity_place ON search.quantity (patient_key, key, parameter);
"""

COMPOSITE = """
CREATE TABLE search.composite (
    patient_key bigint NOT NULL,
    key bigint NOT NULL,
    unit bigint,
    parameter smallint NOT NULL,
    low numeric,
    high numeric,
    tokens bigint[] NOT NULL
);
COMMENT ON TABLE search.composite IS
    'One row for each repeated element that holds several values belonging together, such as a component with its code and quantity.';
CREATE INDEX composite_tokens ON search.composite USING gin (tokens);
CREATE INDEX composite_place ON search.composite (patient_key, key, parameter);
"""


def upgrade() -> None:
    for statement in (SCHEMA, VOCABULARY, STRING, DATE, NUMBER, QUANTITY, COMPOSITE):
        op.execute(statement)
    for table in ("string", "date", "number", "quantity", "composite"):
        op.execute(
            f"ALTER TABLE search.{table} SET (autovacuum_vacuum_scale_factor = 0.02, "
            "autovacuum_analyze_scale_factor = 0.02)"
        )
        op.execute(f"ALTER TABLE search.{table} ALTER COLUMN parameter SET STATISTICS 1000")


def downgrade() -> None:
    op.execute("DROP SCHEMA search CASCADE")
