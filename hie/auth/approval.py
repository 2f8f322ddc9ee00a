"""What a person may grant to an app, and granting it.

The result is never more than was asked, than the client is registered for, than the person may do,
and than the person ticked.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hie.auth import scopes as scope_algebra
from hie.auth.accounts import Account
from hie.auth.authorization_request import AuthorizationRequest
from hie.auth.codes import issue_code
from hie.auth.exchange import OpenPatient, People
from hie.auth.failures import OAuthError, PageError
from hie.auth.families import begin_family
from hie.auth.launch import LaunchContext, find_launch, use_launch
from hie.auth.pushed_requests import use_pushed
from hie.auth.scopes import ScopeSet, UnknownScope
from hie.auth.sessions import Session
from hie.kit.db import Connection

OPTIONAL = frozenset({"offline_access"})
"""Special scopes that the person may refuse; the others only describe the launch."""


class Offer(NamedTuple):
    """What the approval page puts before the person."""

    scopes: ScopeSet
    context: LaunchContext
    patients: tuple[OpenPatient, ...] = ()
    """Whom the app may be opened on; the person picks one."""

    def on(self, patient: str) -> "Offer":
        """The offer for the one that was picked. Raises `PageError` if it is none of them."""
        if not self.patients:
            return self
        if patient not in {one.id for one in self.patients}:
            raise PageError(400, "Pick one of the patients.", "请选择一位患者。")
        return self._replace(context=LaunchContext(patient), patients=())


async def make_offer(
    conn: Connection, request: AuthorizationRequest, account: Account, people: People
) -> Offer:
    """What this person can grant. Raises `PageError` if the app is not for him."""
    if account.kind not in request.client.account_kinds:
        raise PageError(
            403,
            "This app is not meant for your kind of account. Sign out and use another one.",
            "您的账号类型不能使用此应用。请退出后换用其他账号。",
        )
    context = LaunchContext()
    patients: tuple[OpenPatient, ...] = ()
    if request.launch is not None:
        found = await find_launch(conn, request.launch, request.client.id, account.login)
        if found is None:
            raise PageError(
                400,
                "This launch is over. Please start the app again from the patient's page.",
                "此次启动已失效，请从患者页面重新启动应用。",
            )
        context = found
    elif account.patient is not None:
        context = LaunchContext(account.patient)
    elif "launch/patient" in request.scopes.special:
        patients = tuple(await people.open_to(conn, account.login))
        if not patients:
            raise PageError(
                400,
                "This app works on one patient. Open a patient's record in the clinician's portal "
                "first, then start the app again.",
                "此应用针对单个患者。请先在医生工作台调阅患者档案，再重新启动应用。",
            )
    scopes = request.scopes
    if (
        context.patient is None and not patients
    ):  # a permission on the launch patient means nothing without one
        scopes = scope_algebra.in_contexts(scopes, ("user",))
    return Offer(scopes, context, patients)


def chosen_scopes(offer: Offer, ticked: Iterable[str]) -> ScopeSet:
    """What is granted of the offer when these boxes are ticked, whatever else was sent."""
    try:
        wanted = scope_algebra.parse(" ".join(ticked))
    except UnknownScope as error:
        raise PageError(400, "The form is damaged.", "表单内容有误。") from error
    kept = wanted._replace(special=wanted.special | (offer.scopes.special - OPTIONAL))
    return scope_algebra.intersect(offer.scopes, kept)


async def grant(
    conn: Connection,
    request: AuthorizationRequest,
    session: Session,
    offer: Offer,
    scopes: ScopeSet,
) -> str:
    """Note the approval and give the code, in one transaction. Raises `OAuthError` access_denied."""
    async with conn.transaction():
        if request.launch is not None and not await use_launch(conn, request.launch):
            raise OAuthError("access_denied", "The launch was used.", "此次启动已被使用。")
        if request.pushed is not None and not await use_pushed(conn, request.pushed):
            raise OAuthError("access_denied", "The request was used.", "该请求已被使用。")
        family = await begin_family(
            conn,
            client_id=request.client.id,
            session=session,
            scopes=scopes,
            patient=offer.context.patient,
            context=dict(offer.context.parameters),
            key_thumbprint=request.key_thumbprint,
        )
        return await issue_code(conn, request, family)
