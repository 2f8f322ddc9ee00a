"""Guards of the server, each with a way to switch it off and the probe that has to notice.

A guard is named by module and attribute. What stands in for it lets pass what it would have stopped.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import test_attack_authorize as authorize
import test_attack_codes as codes
import test_attack_data as data
import test_attack_dpop as dpop
import test_attack_launch as launch
import test_attack_outside as outside
import test_attack_sign_in as sign_in
import test_attack_tokens as tokens
from attack_guards_consent import OFF as CONSENT
from attack_guards_export import OFF as EXPORT
from attack_guards_identity import OFF as IDENTITY
from attack_guards_proxies import OFF as PROXIES
from attack_guards_staff import OFF as STAFF
from attack_inside import STRICT

from hie.access.opened_record import OPENED
from hie.access.policy import keys_of
from hie.auth import account_page, second_factor, sessions
from hie.auth import codes as code_store
from hie.auth import launch as launches
from hie.auth import tokens as token_store
from hie.auth.authorization_request import find_client
from hie.auth.codes import lock_code
from hie.auth.grants import refresh_token
from hie.auth.jwks import import_key
from hie.auth.launch import LaunchContext
from hie.auth.registration import create_client
from hie.auth.scopes import parse
from hie.search.restriction import Rule
from hie.search.sql import Sql

Probe = Callable[..., Awaitable[None]]


class Guard(NamedTuple):
    """What is switched off, and which probe has to fail then."""

    name: str
    off: dict[str, Any]
    probe: Probe
    arguments: dict[str, Any] = {}  # noqa: RUF012 - never changed
    tries: int = 1
    """A race is lost only now and then: how often the probe is tried until it is."""
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """In what the server differs from the running one."""


class Same(str):
    """Text that equals every other: a comparison that never finds a difference."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class Everything(list[str]):
    """A list in which everything is."""

    def __contains__(self, _: object) -> bool:
        return True


def passing(value: Any = None) -> Callable[..., Any]:
    """A check that finds nothing wrong."""
    return lambda *_, **__: value


def passing_later(value: Any = None) -> Callable[..., Awaitable[Any]]:
    async def answer(*_: Any, **__: Any) -> Any:
        return value

    return answer


def without(text: str, *parts: str) -> str:
    """An SQL statement without these terms."""
    for part in parts:
        assert part in text, part
        text = text.replace(part, "")
    return text


async def _any_redirect(*arguments: Any) -> Any:
    client = await find_client(*arguments)
    return client and replace(client, redirect_uris=Everything(client.redirect_uris))


async def _anybodys_code(*arguments: Any) -> Any:
    code = await lock_code(*arguments)
    return code and replace(code, client_id=Same(code.client_id))


_lock_refresh = refresh_token._lock


async def _anybodys_refresh(*arguments: Any) -> Any:
    token = await _lock_refresh(*arguments)
    return token and replace(token, client_id=Same(token.client_id))


async def _create_active(*arguments: Any, **more: Any) -> None:
    await create_client(*arguments, **{**more, "status": "active"})


def _ticked(_: Any, ticked: Any) -> Any:
    return parse(" ".join(["launch/patient", *ticked]))


def _first_key(jwks: Any, _: str, algorithm: str) -> Any:
    return import_key(jwks["keys"][0], algorithm)


def _all_keys(*_: Any) -> Sql:
    return Sql("SELECT patient_key FROM store.resource")


def _asked_each_time(*parts: str) -> dict[str, Any]:
    return {
        "hie.auth.presented.Remembered.recall": passing(),
        "hie.auth.tokens.INTROSPECT": without(token_store.INTROSPECT, *parts),
    }


EVIL = {"kind": "another host"}
GUARDS = (
    Guard("registered redirects", {"hie.auth.authorization_request.find_client": _any_redirect},
          authorize.test_a_code_never_goes_to_an_address_that_is_not_registered, EVIL),
    Guard("audience", {"hie.auth.authorization_request._check_audience": passing()},
          authorize.test_no_code_for_another_server, {"aud": "https://evil.example/fhir"}),
    Guard("length of the challenge", {"hie.auth.authorization_request._CHALLENGE": re.compile(".*")},
          authorize.test_no_code_without_pkce_by_sha256, {"changes": {"code_challenge": "short"}}),
    Guard("one of each parameter", {"hie.auth.authorization_request.once": lambda pairs, **_: dict(reversed(pairs))},
          authorize.test_a_parameter_given_twice_is_refused, {"name": "state"}),
    Guard("what an app is registered for", {"hie.auth.scopes.intersect": lambda left, _: left},
          authorize.test_an_app_gets_no_more_than_it_is_registered_for),
    Guard("what was offered", {"hie.auth.endpoints.authorize.chosen_scopes": _ticked},
          authorize.test_ticking_what_was_not_offered_grants_nothing),
    Guard("form token of the approval", {"hie.auth.endpoints.authorize.check_form_token": passing()},
          authorize.test_approval_without_the_forms_token_is_refused),
    Guard("form token bound to the browser", {"hie.auth.endpoints.authorize.check_form_token": passing()},
          authorize.test_approval_with_another_browsers_form_is_refused),
    Guard("form token of the sign-in", {"hie.auth.endpoints.login.check_form_token": passing()},
          sign_in.test_signing_in_by_another_site_is_refused),
    Guard("form token of the account page", {"hie.auth.endpoints.account.check_form_token": passing()},
          sign_in.test_a_form_of_another_site_changes_nothing, {"path": "/oauth/account"}),
    Guard("one use of a pushed request", {"hie.auth.approval.use_pushed": passing_later(True)},
          authorize.test_a_pushed_request_works_once),
    Guard("policy of pages", {"hie.auth.pages._policy": passing("default-src *")},
          authorize.test_pages_run_no_scripts_and_stand_in_no_frame),
    Guard("lock-out", {"hie.auth.accounts.ATTEMPTS_BEFORE_LOCK": 10**6},
          sign_in.test_after_some_failures_the_right_password_is_refused),
    Guard("lock-out of parallel guesses", {"hie.auth.accounts.ATTEMPTS_BEFORE_LOCK": 10**6},
          sign_in.test_many_guesses_at_once_are_no_more_than_a_few),
    Guard("second factor", {"hie.auth.sessions.INSERT": sessions.INSERT.replace("%(verified)s", "true")},
          sign_in.test_without_the_second_factor_nothing_is_granted),
    Guard("one use of a one-time code", {"hie.auth.second_factor.USE": without(
          second_factor.USE, "AND coalesce(totp_step, 0) < %(step)s")},
          sign_in.test_a_one_time_code_works_once),
    Guard("lock-out of one-time codes", {"hie.auth.second_factor.take_attempt": passing_later("x")},
          sign_in.test_guessing_one_time_codes_locks),
    Guard("idle time-out", {"hie.auth.sessions.TOUCH": without(sessions.TOUCH, "AND s.idle_until > now()")},
          sign_in.test_a_session_ends_when_nobody_uses_it),
    Guard("end of the session", {"hie.auth.endpoints.login.end_session": passing_later()},
          sign_in.test_signing_out_ends_the_session_on_the_server),
    Guard("end of online access", {"hie.auth.endpoints.login.end_session": passing_later()},
          sign_in.test_signing_out_ends_what_was_allowed_for_the_session_only),
    Guard("whose approval", {"hie.auth.account_page.OWN_FAMILY": account_page.OWN_FAMILY.replace(
          "AND account = %s", "AND %s::text IS NOT NULL")},
          sign_in.test_nobody_ends_another_persons_session_or_app),
    Guard("one use of a code", {"hie.auth.codes.USE": "SELECT %s::bytea"},
          codes.test_a_code_works_once_and_its_theft_ends_what_came_of_it),
    Guard("end of what a stolen code gave", {"hie.auth.grants.authorization_code.revoke_stolen": passing_later()},
          codes.test_a_code_works_once_and_its_theft_ends_what_came_of_it),
    Guard("lock on a code", {"hie.auth.codes.LOCK": without(code_store.LOCK, "FOR UPDATE")},
          codes.test_of_twenty_redemptions_at_once_one_at_most_succeeds, {}, 20),
    Guard("whose code", {"hie.auth.grants.authorization_code.lock_code": _anybodys_code},
          codes.test_another_app_cannot_redeem_a_code),
    Guard("verifier", {"hie.auth.grants.authorization_code._fits": passing(True)},
          codes.test_a_stolen_code_is_worth_nothing_without_the_rest, {"changes": {"code_verifier": "x" * 43}}),
    Guard("life of a code", {"hie.auth.codes.CODE_SECONDS": 3600}, codes.test_a_code_is_over_after_a_minute),
    Guard("theft of refresh tokens", {"hie.auth.grants.refresh_token.revoke_stolen": passing_later()},
          codes.test_a_refresh_token_used_twice_ends_everything),
    Guard("lock on a refresh token", {
          "hie.auth.grants.refresh_token.LOCK": without(refresh_token.LOCK, "FOR UPDATE"),
          "hie.auth.families.LOCK": "SELECT id, client_id, holder, account, fhir_user, institution, "
          "patient, scopes, context, session, key_thumbprint, signed_in_at, expires_at "
          "FROM auth.family WHERE id = %s"},
          codes.test_a_refresh_token_raced_on_both_workers_works_once, {}, 20),
    Guard("whose refresh token", {"hie.auth.grants.refresh_token._lock": _anybodys_refresh},
          codes.test_another_app_cannot_use_a_refresh_token),
    Guard("refreshing to less only", {"hie.auth.grants.refresh_token._narrowed": lambda asked, _: parse(asked)},
          codes.test_a_refresh_never_widens, {"scope": "patient/*.cruds"}),
    Guard("claims of an assertion", {"hie.auth.assertions._check_claims": lambda claims, *_: int(claims["exp"])},
          codes.test_an_assertion_that_is_not_right_is_refused, {"kind": "for another server"}),
    Guard("life of an assertion", {"hie.auth.assertions.LONGEST_LIFE": 10**6},
          codes.test_an_assertion_that_is_not_right_is_refused, {"kind": "valid for an hour"}),
    Guard("one use of an assertion", {"hie.auth.assertions.first_use": passing_later(True)},
          codes.test_an_assertion_works_once_on_whichever_worker),
    Guard("signature of an assertion", {"hie.auth.assertions.verified": passing(True)},
          codes.test_an_assertion_by_another_hospitals_key_is_refused),
    Guard("key of an assertion", {"hie.auth.assertions.find_key": _first_key},
          codes.test_an_assertion_with_the_wrong_kid_is_refused, {"header": {"kid": "unknown"}}),
    Guard("client secret", {"hie.auth.client_authentication.same": passing(True)},
          codes.test_a_wrong_secret_is_refused, {"secret": "x"}),
    Guard("kind of token", _asked_each_time("AND kind = 'access'"),
          tokens.test_only_an_access_token_opens_the_records, {"kind": "refresh_token"}),
    Guard("end of a token", _asked_each_time("AND expires_at > now()"),
          tokens.test_an_expired_token_opens_nothing),
    Guard("revocation of a token", _asked_each_time("AND revoked_at IS NULL"),
          tokens.test_a_revoked_token_is_over_on_the_other_worker_with_the_next_request),
    Guard("key of a bound token", _asked_each_time("AND key_thumbprint IS NOT DISTINCT FROM %(thumbprint)s::text"),
          dpop.test_a_bound_token_works_with_its_key_and_as_plain_bearer_not),
    Guard("one use of a proof", {"hie.auth.dpop.first_use": passing_later(True)},
          dpop.test_a_proof_works_once_on_whichever_worker),
    Guard("claims of a proof", {"hie.auth.dpop._same_address": passing(True)},
          dpop.test_a_proof_for_something_else_is_refused, {"changes": {"htu": "https://other.example/fhir/Patient/1"}}),
    Guard("the person of an app", {"hie.access.policy.keys_of": _all_keys},
          data.test_reading_what_is_not_ones_own, {"who": "zhang's app", "way": "a result"}),
    Guard("the person of a searching app", {"hie.access.policy.keys_of": _all_keys},
          data.test_guessing_what_is_not_ones_own, {"who": "zhang's app", "way": "chained by card"}),
    Guard("what a clinician opened", {"hie.access.policy.keys_of_opened": _all_keys},
          data.test_reading_what_is_not_ones_own, {"who": "doctor", "way": "a report"}),
    Guard("counts of what a clinician opened", {"hie.access.policy.keys_of_opened": _all_keys},
          data.test_searching_what_is_not_ones_own, {"who": "doctor", "way": "with a count"}),
    Guard("what a clinician with an app opened", {"hie.access.policy._launched_by_staff":
          lambda caller, types: [Rule(types=types, patients=keys_of(caller.patient))]},
          launch.test_an_app_launched_on_a_patient_sees_no_more_than_the_clinician),
    Guard("who was offered to pick", {"hie.auth.approval.Offer.on": lambda self, patient: self._replace(
          context=LaunchContext(patient), patients=())},
          launch.test_picking_a_patient_who_was_not_offered_grants_nothing, {"picked": "zhang"}),
    Guard("one use of a launch", {"hie.auth.launch.SELECT": without(launches.SELECT, "AND used_at IS NULL")},
          launch.test_a_launch_works_once),
    Guard("whose launch", {"hie.auth.launch.SELECT": launches.SELECT.replace(
          "client_id = %s AND account = %s", "%s::text IS NOT NULL AND %s::text IS NOT NULL")},
          launch.test_a_launch_is_of_no_use_to_another_person_or_app, {"login": "doctor", "client_id": "foreign"}),
    Guard("denials", {"hie.access.policy.denied": lambda *_: Sql("false")},
          launch.test_what_a_resident_denies_is_hidden_even_in_an_emergency, {"path": "read"}),
    Guard("denials in counts", {"hie.access.policy.denied": lambda *_: Sql("false")},
          launch.test_what_a_resident_denies_is_hidden_even_in_an_emergency, {"path": "total"}),
    Guard("sensitive classes", {"hie.access.policy.unconfirmed": lambda *_: Sql("false")},
          launch.test_a_sender_cannot_strip_a_label),
    Guard("end of an opening", {"hie.access.policy.OPENED": without(OPENED, "AND until > now()")},
          launch.test_an_opening_ends_by_itself_on_every_worker),
    Guard("who opens records", {"hie.records.openings.require_clinician": passing()},
          launch.test_only_a_clinician_opens_records, {"who": "steward"}),
    Guard("scopes", {"hie.access.caller.Caller.permits": passing(True)},
          data.test_an_app_with_one_type_sees_no_other),
    Guard("whose cursor", {"hie.records.find.verify": lambda _, __, ___, signed: signed[22:]},
          data.test_a_cursor_is_of_no_use_to_another),
    Guard("redirects of new apps", {"hie.auth.registration._redirect_uris": lambda metadata: metadata["redirect_uris"]},
          outside.test_an_app_that_may_not_be_registered, {"changes": {"redirect_uris": ["http://probe.example/callback"]}}),
    Guard("approval of new apps", {"hie.auth.registration.create_client": _create_active},
          outside.test_a_registered_app_waits_for_approval),
    Guard("protective headers", {"hie.kit.protective_headers.ALWAYS": ()},
          outside.test_every_answer_carries_the_protective_headers, {"path": "/fhir/metadata"}),
    *(Guard(*one) for one in (*CONSENT, *EXPORT, *IDENTITY, *PROXIES)),
    *(Guard(name, off, probe, arguments, 1, STRICT) for name, off, probe, arguments in STAFF),
)  # fmt: skip
