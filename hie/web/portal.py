"""The portals, each a confidential SMART client of the exchange with its own scopes.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-symmetric.html
"""

from dataclasses import dataclass

from hie.auth.clients import AccountKind, create_client
from hie.auth.roles import Role
from hie.errors import Text
from hie.kit.db import Connection
from hie.store.open import secret


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal lives under the path `/<name>`."""

    name: str
    scopes: str
    account_kind: AccountKind
    title: Text
    role: Role | None = None
    """Whose portal it is, where the exchange would answer others with an empty page instead of no."""

    @property
    def client_id(self) -> str:
        return f"portal-{self.name}"

    @property
    def home(self) -> str:
        return f"/{self.name}"

    @property
    def cookie(self) -> str:
        return f"hie-{self.name}"

    def redirect_uri(self, public_base_url: str) -> str:
        """Where the authorization server sends the browser back to."""
        return f"{public_base_url}{self.home}/callback"


RESIDENT = Portal(
    "resident",
    "openid profile fhirUser launch launch/patient patient/*.rs patient/Consent.cruds",
    "resident",
    Text("My health record", "我的健康档案"),
)
CLINICIAN = Portal(
    "clinician",
    "openid profile fhirUser user/*.rs",
    "staff",
    Text("Clinician's desk", "医生工作台"),
)
STEWARD = Portal(
    "steward",
    "openid profile fhirUser user/Patient.rus",
    "staff",
    Text("Identity review", "身份审核台"),
)
REVIEWER = Portal(
    "reviewer",
    "openid profile fhirUser",
    "staff",
    Text("Review of emergency access", "紧急调阅复核"),
)
AUDITOR = Portal(
    "auditor",
    "openid profile fhirUser user/AuditEvent.rs",
    "staff",
    Text("Audit", "审计"),
    "auditor",
)
PORTALS = (RESIDENT, CLINICIAN, STEWARD, REVIEWER, AUDITOR)


async def client_secret(connection: Connection, portal: Portal) -> str:
    """The portal's OAuth client secret, made by the installation itself at the first call."""
    return (await secret(connection, portal.client_id)).hex()


async def register(connection: Connection, portal: Portal, public_base_url: str) -> None:
    """Register the portal with the authorization server, or renew its registration."""
    await create_client(
        connection,
        client_id=portal.client_id,
        name=portal.title.zh,
        kind="symmetric",
        scopes=portal.scopes,
        secret=await client_secret(connection, portal),
        redirect_uris=[portal.redirect_uri(public_base_url)],
        grant_types=["authorization_code"],
        account_kinds=[portal.account_kind],
        trusted=True,
    )
