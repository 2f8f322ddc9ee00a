"""Who uses SMART apps in the tests of client libraries: a resident, a clinician, their record."""

from dataclasses import dataclass

import httpx
import orjson
from auth_flow import PASSWORD
from joserfc.jwk import ECKey

from hie.auth.accounts import create_account
from hie.auth.clients import create_client
from hie.auth.secret import hash_password
from hie.auth.tokens import mint
from hie.kit.db import Database
from hie.mpi.people import person_of
from hie.store.institutions import add_institution

RECORD = (
    {"resourceType": "Patient", "id": "smart-p", "name": [{"text": "赵敏"}], "birthDate": "1988-08-08"},
    {"resourceType": "Observation", "id": "smart-o", "status": "final", "code": {"text": "pulse"},
     "subject": {"reference": "Patient/smart-p"}, "effectiveDateTime": "2026-05-01"},
    {"resourceType": "Encounter", "id": "smart-e", "status": "in-progress", "class": {"code": "AMB"},
     "subject": {"reference": "Patient/smart-p"}, "period": {"start": "2026-05-01"}},
)  # fmt: skip
SCOPES = (
    "openid fhirUser profile launch launch/patient offline_access online_access "
    "patient/*.rs user/*.rs"
)


@dataclass(frozen=True, slots=True)
class District:
    """Where the exchange is, and what an app of the tests may know."""

    base: str
    conninfo: str
    patient: str
    institution: int
    login: str = "zhao"
    clinician: str = "he"
    password: str = PASSWORD

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir"

    async def register(self, client_id: str, redirect: str) -> None:
        """Register a public app."""
        async with Database(self.conninfo, size=1) as database, database.transaction() as conn:
            await create_client(
                conn, client_id=client_id, name=client_id, kind="public", scopes=SCOPES,
                redirect_uris=[redirect],
            )  # fmt: skip

    async def register_backend(self, client_id: str, jwks_uri: str) -> None:
        """Register an institution's system that publishes its keys."""
        async with Database(self.conninfo, size=1) as database, database.transaction() as conn:
            await create_client(
                conn, client_id=client_id, name=client_id, kind="asymmetric",
                scopes="system/*.cruds", institution=self.institution, jwks_uri=jwks_uri,
            )  # fmt: skip


async def settle(base: str, conninfo: str) -> District:
    """A record, a resident and a clinician of the institution that sent it."""
    async with Database(conninfo, size=1) as database:
        async with database.transaction() as conn:
            institution = (await add_institution(conn, "SMART", "SMART")).number
            token = await mint(
                conn, client_id="smart", scopes="system/*.cruds", holder="institution",
                institution=institution,
            )  # fmt: skip
        headers = {"authorization": f"Bearer {token}", "content-type": "application/fhir+json"}
        async with httpx.AsyncClient(base_url=f"{base}/fhir", headers=headers) as sender:
            for resource in RECORD:
                path = f"/{resource['resourceType']}/{resource['id']}"
                answer = await sender.put(path, content=orjson.dumps(resource))
                assert answer.status_code == 201, answer.text
        async with database.transaction() as conn:
            patient = (await person_of(conn, ["smart-p"]))["smart-p"]
            found = District(base, conninfo, patient, institution)
            kept = hash_password(found.password)
            await create_account(
                conn, login=found.login, password_hash=kept, kind="resident",
                display_name="赵敏", patient=patient,
            )  # fmt: skip
            await create_account(
                conn, login=found.clinician, password_hash=kept, kind="staff",
                display_name="何医生", fhir_user="Practitioner/he", institution=institution,
                roles=["clinician"],
            )  # fmt: skip
    return found


def backend_key() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "backend"})
