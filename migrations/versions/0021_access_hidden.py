"""What hides rows, as functions: a statement that nothing is hidden from does not even set them up."""

from alembic import op

revision = "0021_access_hidden"
down_revision = "0020_mpi_notice"
branch_labels = None
depends_on = None


def applies(rule: str) -> str:
    """Whether a rule applies to the row; NULL where the row does not say (older versions)."""
    return f"""(
        ({rule}.valid_from IS NULL OR {rule}.valid_from <= now())
    AND ({rule}.valid_to IS NULL OR {rule}.valid_to > now())
    AND ({rule}.types IS NULL OR of_type = ANY({rule}.types))
    AND ({rule}.keys IS NULL OR of_key = ANY({rule}.keys))
    AND ({rule}.custodians IS NULL OR of_institution = ANY({rule}.custodians))
    AND ({rule}.recipients IS NULL OR readers IS NULL OR (
        SELECT bool_and({rule}.recipients[line:line] && readers)
        FROM generate_subscripts({rule}.recipients, 1) line))
    AND ({rule}.purposes IS NULL OR stated IS NULL OR (
        SELECT bool_and({rule}.purposes[line:line] && stated)
        FROM generate_subscripts({rule}.purposes, 1) line))
    AND ({rule}.dates_from IS NULL OR (
        SELECT bool_and(low < span.until AND high > span.since)
        FROM unnest({rule}.dates_from, {rule}.dates_to) span (since, until)))
    AND ({rule}.marks IS NULL OR (
        SELECT bool_and(of_tokens && {rule}.marks[line:line])
        FROM generate_subscripts({rule}.marks, 1) line))
    )"""


UPGRADE = f"""
CREATE FUNCTION access.person_of(key bigint) RETURNS text LANGUAGE sql STABLE
RETURN coalesce(
    (SELECT g.person FROM mpi.registration g WHERE g.patient_key = key),
    (SELECT coalesce(p.merged_into, p.id) FROM mpi.person p WHERE p.patient_key = key));
COMMENT ON FUNCTION access.person_of IS
    'The golden id of the person whom rows with this patient key concern.';

CREATE FUNCTION access.purposes_of(of_account text, of_person text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT unnest(ARRAY[o.reason, 'TREAT'])
        FROM access.opened_record o JOIN mpi.person p ON p.id = o.patient
        WHERE o.account = of_account AND o.until > now()
          AND coalesce(p.merged_into, p.id) = of_person);
END $$;
COMMENT ON FUNCTION access.purposes_of IS
    'For which purposes the account has opened the record; all of them are kinds of TREAT.';

CREATE FUNCTION access.restricted_keys(persons text[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT own.patient_key
        FROM (
            SELECT DISTINCT coalesce(asked.merged_into, asked.id) AS id
            FROM mpi.person asked WHERE asked.id = ANY(persons)
        ) concerned, LATERAL (
            SELECT p.patient_key FROM mpi.person p
            WHERE p.id = concerned.id OR p.merged_into = concerned.id
            UNION ALL
            SELECT g.patient_key FROM mpi.registration g WHERE g.person = concerned.id
        ) own
        WHERE EXISTS (
            SELECT FROM mpi.person part JOIN access.denial d ON d.person = part.id
            WHERE part.id = concerned.id OR part.merged_into = concerned.id));
END $$;
COMMENT ON FUNCTION access.restricted_keys IS
    'The patient keys of those among the persons whose consents hide anything from anybody.';

CREATE FUNCTION access.concerning(
    of_patient_key bigint, of_key bigint, of_type smallint, of_institution integer,
    low timestamptz, high timestamptz, of_tokens bigint[], readers text[], of_account text
) RETURNS TABLE (consent text, place text, excepted boolean) LANGUAGE plpgsql STABLE AS $$
DECLARE
    concerned text := access.person_of(of_patient_key);
    stated text[] := CASE
        WHEN of_account IS NOT NULL THEN access.purposes_of(of_account, concerned) END;
BEGIN
    RETURN QUERY
    SELECT d.consent, d.place, EXISTS (
        SELECT FROM access.exception e
        WHERE e.denial = d.number AND readers IS NOT NULL AND {applies("e")} IS TRUE)
    FROM mpi.person part JOIN access.denial d ON d.person = part.id
    WHERE (part.id = concerned OR part.merged_into = concerned)
      AND {applies("d")} IS NOT FALSE
    ORDER BY d.number;
END $$;
COMMENT ON FUNCTION access.concerning IS
    'The denials that concern a row and a reader. No readers: any; no account: any purpose.';

CREATE FUNCTION access.denied(
    of_patient_key bigint, of_key bigint, of_type smallint, of_institution integer,
    low timestamptz, high timestamptz, of_tokens bigint[], readers text[], of_account text
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM access.concerning(of_patient_key, of_key, of_type, of_institution,
                                      low, high, of_tokens, readers, of_account) found
        WHERE NOT found.excepted);
END $$;
COMMENT ON FUNCTION access.denied IS 'Whether a consent hides the row from the reader.';

CREATE FUNCTION access.unconfirmed(of_patient_key bigint, of_account text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM access.confirmation c
        WHERE c.account = of_account AND c.until > now()
          AND c.person = access.person_of(of_patient_key));
END $$;
COMMENT ON FUNCTION access.unconfirmed IS
    'Whether the account has not confirmed a second time for this person''s sensitive entries.';
"""

DOWNGRADE = """
DROP FUNCTION access.unconfirmed, access.denied, access.concerning, access.restricted_keys,
    access.purposes_of, access.person_of;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
