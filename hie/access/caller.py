"""Who is asking: a token's grant, or a part of the exchange itself acting for an institution.

SMART scopes: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Self

from hie.access.granular import Marks, granular
from hie.auth.scopes import Scope
from hie.auth.tokens import Grant
from hie.errors import Problem, problem
from hie.kit.hashing import Hasher

Kind = Literal["operator", "institution", "resident", "staff"]
Permission = Literal["c", "r", "u", "d", "s"]

EXCHANGE_INSTITUTION = 0
CONTRIBUTED = frozenset({"Consent", "Observation", "Communication"})
"""What residents write themselves: consents, home measurements, notes and requests to correct."""
SYSTEM_SCOPE = Scope("system", "*", "cruds")


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """One authenticated caller, of one request or as a token is remembered between requests.

    `institution` is the number under which changes are stored; `patient` the golden Patient id of
    the launch; `network_address` and `request_id` go into the audit log; `roles` are those of a
    member of staff (`hie.auth.roles`). Two callers are never taken for the same, so that what a
    token allows can be kept by the caller that is remembered with it (`standing`).
    """

    kind: Kind
    client_id: str
    scopes: tuple[Scope, ...]
    account: str | None = None
    user: str | None = None
    institution: int | None = None
    patient: str | None = None
    network_address: str | None = None
    request_id: str | None = None
    roles: frozenset[str] = frozenset()
    parts: tuple[tuple[Scope, Marks], ...] = ()
    """Granular scopes with what marks their rows (`hie.access.granular`)."""
    origin: Self | None = field(default=None, init=False, repr=False)
    """The same caller as it is remembered between requests; a changed copy (`replace`) has none."""

    @classmethod
    def from_grant(cls, grant: Grant, hasher: Hasher) -> Self:
        """The caller whom an access token stands for, in whatever request."""
        return cls(
            kind=grant.kind,
            client_id=grant.client_id,
            scopes=grant.scopes,
            account=grant.account,
            user=grant.user,
            institution=EXCHANGE_INSTITUTION if grant.kind == "operator" else grant.institution,
            patient=grant.patient,
            roles=grant.roles,
            parts=granular(grant.scopes, hasher),
        )

    def asking(self, network_address: str | None, request_id: str | None) -> Self:
        """This caller in one request."""
        made = self.__class__(
            self.kind,
            self.client_id,
            self.scopes,
            self.account,
            self.user,
            self.institution,
            self.patient,
            network_address,
            request_id,
            self.roles,
            self.parts,
        )
        object.__setattr__(made, "origin", self.standing)
        return made

    @property
    def standing(self) -> Self:
        """The caller apart from any request: what depends on the token alone is kept by it."""
        return self if self.origin is None else self.origin

    @classmethod
    def operator(cls) -> Self:
        """The exchange's own operator, for the command line on the server's machine."""
        return cls("operator", "operator", (SYSTEM_SCOPE,), institution=EXCHANGE_INSTITUTION)

    @classmethod
    def for_institution(cls, number: int, name: str) -> Self:
        """An institution whose data arrives by another channel than its own FHIR client."""
        return cls("institution", name, (SYSTEM_SCOPE,), institution=number)

    @property
    def representative(self) -> str | None:
        """The golden id of a resident who acts for the launch patient and is somebody else."""
        if self.kind != "resident" or self.patient is None or self.user is None:
            return None
        person = self.user.removeprefix("Patient/")
        return None if person == self.patient else person

    def granting(self, permission: Permission) -> Iterator[Scope]:
        """The scopes that grant the permission on whole types.

        A granular scope (`…rs?category=…`) grants a part of a type and is not among them. Changes
        are made in the name of an institution, by
        `system/` scopes, or by a resident, by `patient/` scopes on what residents contribute.
        """
        for scope in self.scopes:
            whole = permission in scope.permissions and not scope.query
            changing = "patient" if self.kind == "resident" else "system"
            if whole and (permission not in "cud" or scope.context == changing):
                yield scope

    def permits(self, permission: Permission, type_name: str) -> bool:
        """Whether some scope grants the permission on the type; which rows is the policy's matter."""
        return _permits(self.standing, permission, type_name)

    def granting_parts(self, permission: Permission) -> Iterator[tuple[Scope, Marks]]:
        """The granular scopes that grant it, each with what marks the rows of its part."""
        if permission in "rs":
            for scope, marks in self.parts:
                if permission in scope.permissions:
                    yield scope, marks


@lru_cache(maxsize=5000)
def _permits(caller: Caller, permission: Permission, type_name: str) -> bool:
    whole = any(scope.type in ("*", type_name) for scope in caller.granting(permission))
    return whole or any(scope.type == type_name for scope, _ in caller.granting_parts(permission))


@dataclass(slots=True)
class Unconfirmed:
    """A caller as an earlier request had it. Whether the token is still in force is not known yet:

    the statement that reads what the caller asked for also asks for the token, by its hash, and
    gives nothing without it.
    """

    caller: Caller
    token: bytes
    network_address: str | None = None
    request_id: str | None = None


def expired() -> Problem:
    """The answer to a token that is not in force."""
    return problem(
        401,
        "expired",
        "The access token is unknown, expired or revoked; obtain a new one",
        "访问令牌无效、已过期或已撤销，请重新获取",
    )
