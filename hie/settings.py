"""Every setting of the exchange, read from environment variables named `HIE_…`.

The table in `docs/settings.md` is checked against this module by a test.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One immutable set of settings; the description of each field is its documentation."""

    model_config = SettingsConfigDict(env_prefix="HIE_", frozen=True, extra="ignore")

    data_directory: Path | None = Field(
        None,
        description="Where the embedded database and the keys live. "
        "Default: `.hie` in the working directory; `/var/lib/hie` when run as root.",
    )
    database_url: str | None = Field(
        None,
        description="A PostgreSQL (15 or newer) to use instead of the embedded one, "
        "as `postgresql://user:password@host:port/database`.",
    )
    secret_key_file: Path | None = Field(
        None,
        description="File with the key that seals secrets in the database (32 bytes in base64, for "
        "the server's account only). Default: `secret-key` in the data directory, made at first use.",
    )
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the web server listens on.")
    workers: int = Field(1, ge=1, le=64, description="Number of web server processes.")
    public_base_url: str = Field(
        "http://127.0.0.1:8080",
        description="The address under which users and apps reach the exchange, without a "
        "trailing slash. It is the OAuth issuer; the FHIR base is this followed by `/fhir`.",
    )
    mllp_host: str = Field("127.0.0.1", description="Address the HL7 v2 MLLP listener binds to.")
    mllp_port: int = Field(2575, ge=0, le=65535, description="Port of the HL7 v2 MLLP listener.")
    pool_size: int = Field(
        8,
        ge=1,
        le=100,
        description="Database connections each server process may hold, "
        "beside three that its requests share.",
    )

    conditional_delete: Literal["single", "multiple"] = Field(
        "single",
        description="Whether `DELETE Type?criteria` may delete several resources at once "
        "(at most 500) or is refused when more than one matches. The CapabilityStatement tells.",
    )
    relationship_days: int = Field(
        365,
        ge=1,
        le=3650,
        description="For how many days after an encounter or a referral an institution's clinicians "
        "still treat a resident; later they need a contract, the resident's code or an emergency.",
    )
    audit_hash: Literal["sha-256", "sm3"] = Field(
        "sha-256", description="The hash that chains the audit trail: `sha-256` or `sm3`."
    )
    audit_days: int = Field(
        1095,
        ge=183,
        description="Days for which the audit trail is kept; at least 183, by law.",
    )

    cors_origins: str | None = Field(
        None,
        description="Further origins from which apps in a browser may call the FHIR interface, "
        "separated by commas, such as `https://app.example.org`; `*` for any. Those of registered "
        "apps always may.",
    )
    notification_hosts: str | None = Field(
        None,
        description="Hosts, separated by commas, that Subscriptions may notify although they lie in "
        "a private network. All others must be public and use https.",
    )

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`, one by one."""
        return tuple(each.strip() for each in (self.cors_origins or "").split(",") if each.strip())

    trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of proxies in front, separated by commas. What they say "
        "of the other side is believed: `X-Forwarded-For`, and `Client-Cert` (RFC 9440), to which "
        "tokens of institutions are bound (RFC 8705). None by default.",
    )
    identity_provider: str | None = Field(
        None,
        description="Issuer of the region's OpenID Connect provider, by which residents sign in, "
        "without a trailing slash. Staff keep their accounts here.",
    )
    identity_provider_name: str = Field(
        "eID", description="What residents call that provider; shown on the sign-in page."
    )
    identity_provider_client: str = Field(
        "hie", description="The exchange's client id at that provider."
    )
    identity_provider_secret: str | None = Field(
        None, description="The exchange's client secret at that provider."
    )
    identity_provider_scope: str = Field(
        "openid profile", description="What the exchange asks that provider for."
    )
    identity_provider_claim: str = Field(
        "id_number",
        description="The claim of the id token that holds the identity card number.",
    )
    staff_second_factor: Literal["offered", "required"] = Field(
        "required",
        description="`required`: staff without a second factor set one up before they can go on. "
        "`offered`: only those who have one are asked for it, as `hie demo` does.",
    )
    staff_apps: Literal["protected", "any"] = Field(
        "protected",
        description="`protected`: apps that staff use push their request (PAR), sign with their own "
        "key (private_key_jwt) and have their tokens bound to it (DPoP, or a certificate). `any`: "
        "whatever is registered, as in `hie demo`.",
    )
    breached_passwords_file: Path | None = Field(
        None,
        description="List of stolen passwords that nobody may choose: SHA-1 in hexadecimal, in order, "
        "one a line, as Have I Been Pwned publishes it. Common passwords are refused without it, too.",
    )
    sign_ins_per_minute: int = Field(
        30,
        ge=1,
        description="How often one network address may try to sign in; each process counts alone.",
    )
    oauth_requests_per_minute: int = Field(
        600,
        ge=1,
        description="How often one network address may call the token endpoint and its like; "
        "each process counts alone.",
    )
    client_requests_per_minute: int = Field(
        60_000,
        ge=1,
        description="How often one client, or one person with one app, may call the FHIR API; "
        "each process counts alone. Beyond it: 429 with Retry-After.",
    )

    @property
    def fhir_base(self) -> str:
        """The absolute FHIR base URL, without a trailing slash."""
        return f"{self.public_base_url}/fhir"


def settings() -> Settings:
    """The settings of now: what starts reads them once and hands them on."""
    return Settings()
