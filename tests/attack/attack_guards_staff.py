"""Guards of the channels of staff, each with the probe that has to notice when it is off."""

from collections.abc import Awaitable, Callable
from typing import Any

import test_attack_staff as staff


def passing(value: Any = None) -> Callable[..., Any]:
    return lambda *_, **__: value


NOBODY_ENROLS = {
    "hie.auth.sessions.must_enrol": passing(False),
    "hie.auth.endpoints.login.must_enrol": passing(False),
}

OFF: tuple[tuple[str, dict[str, Any], Callable[..., Awaitable[None]], dict[str, Any]], ...] = (
    ("staff's apps push", {"hie.auth.endpoints.authorize.check_request": passing()},
     staff.test_an_app_for_staff_that_does_not_push_is_refused, {"kinds": ("staff",)}),
    ("anybody's apps push for staff", {"hie.auth.endpoints.authorize.check_request": passing()},
     staff.test_an_app_for_staff_that_does_not_push_is_refused, {"kinds": ("resident", "staff")}),
    ("staff's apps sign", {"hie.auth.staff_apps._check_key": passing()},
     staff.test_an_app_for_staff_that_does_not_sign_cannot_push, {"kind": "symmetric"}),
    ("anybody's apps sign for staff", {"hie.auth.staff_apps._check_key": passing()},
     staff.test_an_app_for_anybody_that_does_not_sign_gets_nothing_of_staff, {}),
    ("staff's tokens are bound", {"hie.auth.grants.authorization_code.check_tokens": passing()},
     staff.test_a_code_of_staff_gives_no_plain_token, {}),
    ("staff's refreshed tokens are bound", {"hie.auth.grants.refresh_token.check_tokens": passing()},
     staff.test_what_was_granted_before_is_not_refreshed_to_a_plain_token, {}),
    ("staff enrol first", NOBODY_ENROLS,
     staff.test_a_first_sign_in_leads_nowhere_but_to_a_second_factor, {}),
)  # fmt: skip
