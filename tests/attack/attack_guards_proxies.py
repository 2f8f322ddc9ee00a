"""Guards of proxies, each with the probe that has to notice when it is off."""

from collections.abc import Callable
from typing import Any

import test_attack_proxies as proxies

from hie.access import invitation, policy, representation


def passing(value: Any = None) -> Callable[..., Any]:
    return lambda *_, **__: value


def without(statement: str, part: str) -> str:
    assert part in statement, part
    return statement.replace(part, "")


def _represented(part: str) -> dict[str, Any]:
    return {"hie.access.policy.REPRESENTED": without(policy.REPRESENTED, part)}


ANYBODYS = representation.END.replace("%s OR representative = %s)", "%s OR representative <> %s)")

OFF: tuple[tuple[Any, ...], ...] = (
    ("name of who is invited", {"hie.access.invitation._is_meant": passing(True)},
     proxies.test_an_invitation_is_for_nobody_of_another_name, {}),
    ("one use of an invitation", {"hie.access.invitation.ACCEPT": "SELECT %s::bigint"},
     proxies.test_an_invitation_works_once, {}),
    ("lock on an invitation", {"hie.access.invitation.FIND": without(invitation.FIND, "FOR UPDATE")},
     proxies.test_an_invitation_raced_is_accepted_once, {}, 20),
    ("withdrawal of an invitation", {"hie.access.invitation.FIND": without(
        invitation.FIND, "AND withdrawn IS NULL")},
     proxies.test_a_withdrawn_invitation_is_over, {}),
    ("what a proxy may decide", {"hie.access.representation.MAY": without(
        representation.MAY, "AND %s = ANY(actions)") + "AND %s::text IS NOT NULL"},
     proxies.test_a_proxy_who_may_only_read_decides_nothing, {}),
    ("what a proxy may read", _represented("AND 'read' = ANY(actions)"),
     proxies.test_a_proxy_who_may_not_read_sees_nothing, {}),
    ("end of a proxy", _represented("ended IS NULL AND"),
     proxies.test_a_proxy_ended_on_one_worker_is_over_on_the_other, {}),
    ("last day of a proxy", _represented("AND until > now()"),
     proxies.test_a_proxy_is_over_after_the_last_day_on_every_worker, {}),
    ("who ends a proxy", {"hie.access.representation.END": ANYBODYS},
     proxies.test_nobody_ends_what_others_agreed, {}),
)  # fmt: skip
