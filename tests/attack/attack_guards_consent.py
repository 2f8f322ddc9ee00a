"""Guards of consents, labels, codes and representation, each with the probe that has to notice."""

from collections.abc import Awaitable, Callable
from typing import Any

import test_attack_consent as consent

from hie.search.sql import FALSE, Sql

RESULT = {"path": consent.RESULT}


def nothing(*_: Any, **__: Any) -> Sql:
    """A condition that hides no row."""
    return FALSE


def passing(value: Any = None) -> Callable[..., Any]:
    return lambda *_, **__: value


def passing_later(value: Any = None) -> Callable[..., Awaitable[Any]]:
    async def answer(*_: Any, **__: Any) -> Any:
        return value

    return answer


def _as_asked(_: Any, asked: Any) -> Any:
    return asked


OFF: tuple[tuple[str, dict[str, Any], Callable[..., Awaitable[None]], dict[str, Any]], ...] = (
    ("consents are asked", {"hie.access.policy.denied": nothing},
     consent.test_what_is_hidden_is_hidden_on_every_path, RESULT),
    ("consents are asked of counts", {"hie.access.policy.denied": nothing},
     consent.test_what_is_hidden_is_hidden_on_every_path, {"path": consent.PATHS["a count"]}),
    ("consents are asked within chains", {"hie.access.policy.denied": nothing},
     consent.test_what_is_hidden_is_hidden_on_every_path, {"path": consent.PATHS["a reverse chain on people"]}),
    ("reviews are reviewers' matter", {"hie.records.openings.require_reviewer": passing("x"),
                                       "hie.records.emergency_reads.require_reviewer": passing("x")},
     consent.test_nobody_reviews_an_emergency_of_others_without_being_a_reviewer, {}),
    ("consents end at once", {"hie.records.contribution.forget": passing_later()},
     consent.test_a_consent_counts_with_the_next_request_on_every_worker, {}),
    ("consents are about oneself", {"hie.records.contribution._check_person": passing()},
     consent.test_nobody_consents_in_anothers_name, {}),
    ("entries of others are not written", {"hie.records.accept.check_contributions": passing_later()},
     consent.test_nobody_ends_anothers_restriction, {}),
    ("staff see no consents", {"hie.access.policy.UNSEEN_BY_STAFF": frozenset({"Patient"})},
     consent.test_staff_do_not_learn_that_something_is_hidden, {}),
    ("labels are set", {"hie.records.change.classes_of": passing(frozenset())},
     consent.test_a_sender_cannot_strip_the_label_of_a_sensitive_entry, {}),
    ("labels hide", {"hie.access.policy.unconfirmed": nothing},
     consent.test_a_sender_cannot_strip_the_label_of_a_sensitive_entry, {}),
    ("confirmations are one's own", {"hie.access.policy.unconfirmed": nothing},
     consent.test_one_clinicians_confirmation_shows_nothing_to_another, {}),
    ("codes are compared", {"hie.records.openings.visit_code.use_visit_code": passing_later(True),
                            "hie.records.openings.relationship": passing_later("authorisation")},
     consent.test_a_code_for_one_record_opens_no_other_and_is_not_guessed, {}),
    ("logs are one's own", {"hie.records.trail._own": _as_asked},
     consent.test_nobody_reads_anothers_log, {}),
    ("explanations are for one's own record", {"hie.records.explain.require_explained": passing()},
     consent.test_nobody_reads_anothers_log, {}),
    ("reviewers review", {"hie.records.openings.require_reviewer": passing("x")},
     consent.test_nobody_reviews_an_emergency_of_others_without_being_a_reviewer, {}),
    ("guardians see what is shown to them", {"hie.access.policy.denied": nothing},
     consent.test_a_teenager_hides_a_visit_from_the_guardian, {}),
    ("guardians of teenagers do not decide", {"hie.access.representation.may": passing_later(True),
                                              "hie.records.contribution.may": passing_later(True)},
     consent.test_a_teenager_hides_a_visit_from_the_guardian, {}),
)  # fmt: skip
