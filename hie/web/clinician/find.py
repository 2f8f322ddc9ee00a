"""Finding a patient by ID number, name or pinyin. The words stay out of addresses: they identify people."""

import re
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from hie.records.meta import INSTITUTION_SYSTEM
from hie.web.fhir_client import FhirClient
from hie.web.page import redirect
from hie.web.record.institution import EXCHANGE
from hie.web.record.moment import CHINA
from hie.web.record.person import IDENTITY_CARD, Person, person
from hie.web.signed_in import Reader

MOST_LISTED = 20
LONGEST_WORDS = 100

_CARD = re.compile(r"\d{17}[\dX]|\d{15}")
_NUMBER = re.compile(r"(?=.*\d)[0-9A-Za-z-]{6,}")
_BIRTH = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a search found; `more` if not all are listed."""

    people: list[Person]
    more: bool


def parameters(words: str, birth: str) -> list[tuple[str, str]]:
    """The Patient search for what was typed: an ID card number, another number, or a name.

    https://hl7.org/fhir/R4/patient.html#search
    """
    compact = "".join(words.split()).upper()
    if _CARD.fullmatch(compact):
        found = [("identifier", f"{IDENTITY_CARD}|{compact}")]
    elif _NUMBER.fullmatch(compact):
        found = [("identifier", "".join(words.split()))]
    else:
        escaped = re.sub(r"([\\,$|])", r"\\\1", words.strip())
        found = [("name", escaped)]
    if _BIRTH.fullmatch(birth):
        found.append(("birthdate", birth))
    return found


async def people(fhir: FhirClient, words: str, birth: str) -> Found:
    """The golden records that match."""
    # An opened record lets its source Patients be found, too; the person is the exchange's own one.
    golden = ("_tag", f"{INSTITUTION_SYSTEM}|{EXCHANGE}")
    asked = [*parameters(words, birth), golden, ("_count", str(MOST_LISTED))]
    resources, more = await fhir.search("Patient", asked, at_most=1)
    today = datetime.now(CHINA).date()
    return Found([person(resource, today) for resource in resources], more)


async def page(reader: Reader) -> Response:
    """The search form, and whom the last search finds now."""
    words, birth = reader.session.content["search"] or ["", ""]
    found = await people(reader.fhir, words, birth) if words else None
    content = {"words": words, "birth": birth, "found": found}
    return reader.page("clinician/find.html", content)


async def search(reader: Reader) -> Response:
    """Keep what was typed in the session and show the page, so that going back works."""
    form = await reader.form()
    words = form.get("words", "").strip()[:LONGEST_WORDS]
    birth = form.get("birth", "").strip()[:10]
    reader.session.content["search"] = [words, birth]
    await reader.keep_session()
    return redirect(reader.portal.home)
