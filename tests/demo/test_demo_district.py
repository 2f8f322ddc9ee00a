"""The generated district: the same for the same seed, plausible, and visibly invented."""

from collections import Counter
from datetime import date, timedelta
from itertools import islice

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.demo.clinical import A1C, CREATININE
from hie.demo.district import District, records, visits
from hie.demo.hl7v2 import CODEC, messages
from hie.demo.institutions import BY_CODE, H1, H2, INSTITUTIONS
from hie.demo.names import Name
from hie.demo.personas import LOGINS, STATION, household
from hie.demo.population import Resident, check_character, households
from hie.demo.registration import newborn_name

UNTIL = date(2026, 6, 30)
DISTRICT = District(seed=1, residents=300, until=UNTIL)


def residents(district: District) -> list[Resident]:
    return [resident for home in district.households() for resident in home.residents]


def everything(district: District) -> bytes:
    """All that institutions send, in one piece."""
    lines: list[bytes] = []
    for home in district.households():
        for record in records(district, home):
            lines += map(orjson.dumps, record.resources())
            if record.registration.institution == H2:
                lines += messages(record)
    return b"\n".join(lines)


def test_the_same_seed_gives_the_same_bytes() -> None:
    small = District(seed=7, residents=40, until=UNTIL)
    assert everything(small) == everything(District(seed=7, residents=40, until=UNTIL))
    assert everything(small) != everything(District(seed=8, residents=40, until=UNTIL))


def test_asking_for_more_residents_changes_nothing_about_the_first() -> None:
    few = list(District(1, 60, UNTIL).households())
    many = list(District(1, 90, UNTIL).households())
    assert many[: len(few) - 1] == few[:-1]  # the last household may have been cut


@given(st.integers(min_value=1, max_value=200))
def test_the_number_of_residents_is_exact(number: int) -> None:
    assert len(residents(District(1, number, UNTIL))) == number


def test_every_identity_card_is_correct_unique_and_of_no_real_place() -> None:
    cards = [resident for resident in residents(District(1, 3000, UNTIL)) if resident.card]
    numbers = [resident.card or "" for resident in cards]
    assert len(set(numbers)) == len(numbers)
    for resident, number in zip(cards, numbers, strict=True):
        assert number.startswith("9901")
        assert number[6:14] == resident.birth.strftime("%Y%m%d")
        assert int(number[16]) % 2 == (resident.gender == "male")
        assert number[17] == check_character(number[:17])


def test_check_character_of_the_standards_example() -> None:
    # GB 11643-1999, appendix: 11010519491231002X
    assert check_character("11010519491231002") == "X"


def test_cards_stay_unique_far_into_a_large_district() -> None:
    seen: set[str] = set()
    for start in (0, 365, 18_250, 100_000):
        for home in islice(households(1, UNTIL, start), 400):
            for resident in home.residents:
                if resident.card:
                    assert resident.card not in seen or start == 365  # overlaps the first 400
                    seen.add(resident.card)


def test_phones_are_visibly_invented() -> None:
    for home in DISTRICT.households():
        assert home.phone.startswith("1990000")
        assert all(one.phone is None or one.phone.startswith("1990000") for one in home.residents)


def test_ages_and_families_are_those_of_a_district() -> None:
    people = residents(District(1, 2000, UNTIL))
    ages = [person.age(UNTIL) for person in people]
    assert min(ages) >= 0
    assert max(ages) <= 110
    assert 0.12 < sum(age >= 65 for age in ages) / len(ages) < 0.35
    assert 0.12 < sum(age < 16 for age in ages) / len(ages) < 0.35
    sizes = Counter(person.household for person in people)
    assert 1.9 < len(people) / len(sizes) < 3.2
    assert any(person.passport for person in people)


def test_twins_share_the_day_of_birth_and_differ_in_name_and_order() -> None:
    pairs = 0
    for home in District(1, 2000, UNTIL).households():
        twins = [person for person in home.residents if person.birth_order]
        if len(twins) == 2:
            pairs += 1
            first, second = twins
            assert first.birth == second.birth
            assert (first.birth_order, second.birth_order) == (1, 2)
            assert first.mother == second.mother
    assert pairs >= 3


def test_children_under_one_have_no_card_and_are_reached_through_the_family() -> None:
    babies = [person for person in residents(District(1, 2000, UNTIL)) if person.age(UNTIL) == 0]
    assert babies
    assert all(baby.card is None and baby.phone is None and baby.mother for baby in babies)


def test_institutions_write_the_same_people_differently() -> None:
    spellings: dict[str, set[tuple[Name, str | None, str | None]]] = {}
    for home in DISTRICT.households():
        for record in records(DISTRICT, home):
            made = record.registration
            spellings.setdefault(made.resident.key, set()).add((made.name, made.card, made.phone))
    assert len(spellings) == 300
    assert 40 < sum(len(ways) > 1 for ways in spellings.values()) < 150


def test_zhang_minghua_is_known_differently_at_three_institutions() -> None:
    home = household(0, UNTIL)
    known = {
        record.registration.institution: record.registration
        for record in records(DISTRICT, home)
        if record.registration.resident.key == "00000-1"
    }
    assert set(known) == {H1, H2, STATION}
    assert known[H1].name == Name("张", "明华")
    assert known[H1].card
    assert known[H2].name == Name("張", "明華")
    assert known[H2].card is None
    assert known[STATION].card != known[H1].card


def test_his_sugar_gets_better_and_his_kidneys_worse() -> None:
    zhang = household(0, UNTIL).residents[0]
    values: dict[str, list[float]] = {}
    for visit in visits(DISTRICT, zhang):
        for report in visit.reports:
            for analyte, value in report.values:
                values.setdefault(analyte.loinc, []).append(value)
    sugar, kidney = values[A1C.loinc], values[CREATININE.loinc]
    assert sugar[0] > 8.5
    assert sugar[-1] < 7.3
    assert kidney[0] < 95
    assert kidney[-1] > 110


def test_the_newborn_twins_go_by_their_mothers_name_at_the_hospital() -> None:
    home = household(1, UNTIL)
    names = {
        (record.registration.institution, record.registration.resident.place): (
            record.registration.name.text
        )
        for record in records(DISTRICT, home)
        if record.registration.resident.birth_order
    }
    assert names[H1, 3] == "周雨欣之长女"
    assert names[H1, 4] == "周雨欣之次子"
    assert names[STATION, 3] == "孙一诺"
    assert all(newborn_name(one).text != one.name.text for one in home.residents[2:])


def test_the_old_couple_shares_a_telephone() -> None:
    home = household(2, UNTIL)
    assert all(resident.phone is None for resident in home.residents)


def test_everybody_who_can_log_in_exists() -> None:
    people = {resident.key for resident in residents(District(1, 10, UNTIL))}
    staff = {doctor.id for institution in INSTITUTIONS for doctor in institution.doctors}
    for login in LOGINS:
        assert login.person in (people if login.kind == "resident" else staff)
        assert (login.institution is None) == (login.kind == "resident")


def test_visits_are_in_order_and_before_the_end() -> None:
    for person in residents(DISTRICT):
        starts = [visit.start for visit in visits(DISTRICT, person)]
        assert starts == sorted(starts)
        assert person.birth <= starts[0].date() <= starts[-1].date() <= UNTIL
        assert starts[0].date() >= UNTIL - timedelta(days=365 * 5 + 7)


def test_every_doctor_works_in_a_department_of_the_institution() -> None:
    for institution in INSTITUTIONS:
        for doctor in institution.doctors:
            assert institution.department(doctor.department)
    with pytest.raises(StopIteration):
        BY_CODE[H1].department("99")


def test_volumes_are_sensible() -> None:
    sizes: Counter[str] = Counter()
    for home in DISTRICT.households():
        for record in records(DISTRICT, home):
            sizes[record.registration.resident.key] += sum(1 for _ in record.resources())
    assert 10_000 < sum(sizes.values()) < 20_000
    assert max(sizes.values()) < 350


def test_messages_are_text_in_the_character_set_they_name() -> None:
    home = household(0, UNTIL)
    (record,) = (
        record
        for record in records(DISTRICT, home)
        if record.registration.institution == H2 and record.registration.resident.place == 1
    )
    first, *rest = (message.decode(CODEC) for message in messages(record))
    assert first.startswith("MSH|^~\\&|HIS|YX-H2|")
    assert "|張^明華|" in first
    assert any("|ORU^R01^ORU_R01|" in message for message in rest)
    numbers = [message.split("|")[9] for message in (first, *rest)]
    assert len(set(numbers)) == len(numbers)
    assert all(len(number) <= 20 for number in numbers)
