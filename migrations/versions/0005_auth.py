"""Authorization server: clients, accounts, sessions, grants, tokens and keys."""

from alembic import op

revision = "0005_auth"
down_revision = "0004_mpi"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE SCHEMA auth",
    """
    CREATE TABLE auth.client (
        id text PRIMARY KEY,
        name text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('public', 'symmetric', 'asymmetric')),
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'pending', 'disabled')),
        secret_hash bytea,
        jwks jsonb,
        jwks_uri text,
        jwks_asked_at timestamptz,
        redirect_uris text[] NOT NULL DEFAULT '{}',
        launch_uri text,
        scopes text NOT NULL,
        grant_types text[] NOT NULL,
        account_kinds text[] NOT NULL DEFAULT '{resident,staff}',
        institution integer,
        trusted boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now(),
        CHECK ((kind = 'symmetric') = (secret_hash IS NOT NULL)),
        CHECK ((kind = 'asymmetric') = (jwks IS NOT NULL OR jwks_uri IS NOT NULL))
    )
    """,
    """
    CREATE TABLE auth.account (
        login text PRIMARY KEY,
        subject uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
        kind text NOT NULL CHECK (kind IN ('resident', 'staff')),
        password_hash text NOT NULL,
        display_name text NOT NULL,
        fhir_user text NOT NULL,
        patient text,
        institution integer,
        roles text[] NOT NULL DEFAULT '{}',
        totp_secret text,
        totp_step bigint,
        failed_attempts integer NOT NULL DEFAULT 0,
        locked_until timestamptz,
        disabled boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now(),
        CHECK ((kind = 'resident') = (patient IS NOT NULL)),
        CHECK ((kind = 'staff') = (institution IS NOT NULL))
    )
    """,
    """
    CREATE TABLE auth.session (
        hash bytea PRIMARY KEY,
        account text NOT NULL REFERENCES auth.account (login) ON DELETE CASCADE,
        verified boolean NOT NULL,
        agent text NOT NULL DEFAULT '',
        signed_in_at timestamptz NOT NULL DEFAULT now(),
        idle_until timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX session_account ON auth.session (account)",
    """
    CREATE TABLE auth.launch (
        hash bytea PRIMARY KEY,
        client_id text NOT NULL,
        account text NOT NULL,
        patient text,
        context jsonb NOT NULL DEFAULT '{}',
        expires_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    """
    CREATE TABLE auth.pushed_request (
        hash bytea PRIMARY KEY,
        client_id text NOT NULL,
        parameters jsonb NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE auth.family (
        id uuid PRIMARY KEY,
        client_id text NOT NULL,
        holder text NOT NULL CHECK (holder IN ('resident', 'staff')),
        account text NOT NULL,
        fhir_user text NOT NULL,
        institution integer,
        patient text,
        scopes text NOT NULL,
        context jsonb NOT NULL DEFAULT '{}',
        session bytea,
        key_thumbprint text,
        signed_in_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz
    )
    """,
    "CREATE INDEX family_account ON auth.family (account)",
    "CREATE INDEX family_session ON auth.family (session)",
    """
    CREATE TABLE auth.code (
        hash bytea PRIMARY KEY,
        family uuid NOT NULL REFERENCES auth.family (id) ON DELETE CASCADE,
        client_id text NOT NULL,
        redirect_uri text NOT NULL,
        challenge text NOT NULL,
        nonce text,
        expires_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    "CREATE INDEX code_family ON auth.code (family)",
    """
    CREATE TABLE auth.token (
        hash bytea PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('access', 'refresh')),
        family uuid REFERENCES auth.family (id) ON DELETE CASCADE,
        client_id text NOT NULL,
        holder text NOT NULL CHECK (holder IN ('operator', 'institution', 'resident', 'staff')),
        account text,
        fhir_user text,
        institution integer,
        patient text,
        scopes text NOT NULL,
        key_thumbprint text,
        issued_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        revoked_at timestamptz
    )
    """,
    "CREATE INDEX token_family ON auth.token (family)",
    "CREATE INDEX token_expires_at ON auth.token (expires_at)",
    """
    CREATE TABLE auth.used_identifier (
        hash bytea PRIMARY KEY,
        expires_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE auth.occurrence (
        number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        recorded timestamptz NOT NULL DEFAULT now(),
        what text NOT NULL,
        account text,
        client_id text,
        address text,
        agent text NOT NULL
    )
    """,
    "CREATE INDEX occurrence_account ON auth.occurrence (account, number)",
    """
    CREATE TABLE auth.signing_key (
        kid text PRIMARY KEY,
        algorithm text NOT NULL,
        private_jwk jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        retired_at timestamptz
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP SCHEMA auth CASCADE")
