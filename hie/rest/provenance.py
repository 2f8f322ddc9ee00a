"""The header X-Provenance. https://hl7.org/fhir/R4/provenance.html#header"""

from starlette.requests import Request

from hie.access.caller import Caller
from hie.errors import problem
from hie.records.accept import BeforeCommit
from hie.records.attached_provenance import attached
from hie.rest.authenticate import exchange_of

HEADER = "X-Provenance"
LARGEST = 16 * 1024


async def sent_provenance(request: Request, caller: Caller) -> BeforeCommit | None:
    """What stores the Provenance that came with the request, None if none did.

    Problem 400 for more than one, 431 if it is too long, and as for `attached`.
    """
    if HEADER not in request.headers:
        return None
    sent = request.headers.getlist(HEADER)
    if len(sent) > 1:
        raise problem(
            400,
            "invalid",
            f"Send {HEADER} once; one Provenance can have several agents",
            f"{HEADER} 只能发送一次；一个 Provenance 可包含多个 agent",
            HEADER,
        )
    text = sent[0].encode("latin-1")
    if len(text) > LARGEST:
        raise problem(
            431,
            "too-long",
            f"{HEADER} may have {LARGEST // 1024} KiB; send a transaction with a Provenance in it",
            f"{HEADER} 最大为 {LARGEST // 1024} KiB；请改为提交包含 Provenance 的事务",
            HEADER,
        )
    return await attached(exchange_of(request), caller, text, HEADER)


def refuse_provenance(request: Request) -> None:
    """Problem 400 if a deletion comes with one: nothing would be stored that it could be about."""
    if HEADER in request.headers:
        raise problem(
            400,
            "not-supported",
            f"{HEADER} goes with what creates or changes; send a transaction of the DELETE and a "
            "Provenance whose target is the version that is deleted",
            f"{HEADER} 只用于创建和修改；请提交包含 DELETE 和 Provenance（target 为被删除的版本）的事务",
            HEADER,
        )
