"""Why an entry is shown to somebody or hidden from them, in words. Operation: docs/access.md"""

from dataclasses import dataclass

from starlette.responses import Response

from hie.errors import Text
from hie.web.fhir_client import Refused
from hie.web.language import language_of
from hie.web.record.access import PURPOSES
from hie.web.record.coded import Resource
from hie.web.record.outcome import messages
from hie.web.record.parameters import named, value, values
from hie.web.signed_in import Reader

BASES = {
    "encounter": Text("a recent visit", "近期就诊"),
    "referral": Text("a referral", "转诊"),
    "contract": Text("a signed family doctor", "家庭医生签约"),
    "authorisation": Text("the resident's code", "居民授权码"),
    "": Text("none: an emergency", "无：紧急调阅"),
}
LABELS = {
    "HIV": Text("HIV", "艾滋病"),
    "PSY": Text("mental health", "精神心理"),
    "SUD": Text("substance use", "物质使用"),
    "SEX": Text("sexual and reproductive health", "生殖健康"),
    "GDIS": Text("genetics", "遗传"),
    "SDV": Text("violence", "暴力伤害"),
    "R": Text("restricted by the sender", "机构标记：受限"),
    "V": Text("very restricted by the sender", "机构标记：极受限"),
}


@dataclass(frozen=True, slots=True)
class Applied:
    """A consent that concerns the entry."""

    consent: str
    place: str
    excepted: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything that decides about one entry; `shown` only if a login was named."""

    institution: str
    labels: list[Text]
    consents: list[Applied]
    openings: list[tuple[Text, Text]]
    confirmed: bool
    shown: bool | None


def _explained(answer: Resource) -> Explained:
    return Explained(
        str(value(answer, "institution", "")),
        [LABELS.get(str(one), Text(str(one), str(one))) for one in values(answer, "label")],
        [
            Applied(
                str(value(one, "reference", {}).get("reference", "")),
                str(value(one, "provision", "")),
                bool(value(one, "excepted", False)),
            )
            for one in named(answer, "consent")
        ],
        [
            (
                PURPOSES.get(str(value(one, "reason", "")), PURPOSES["TREAT"]),
                BASES.get(str(value(one, "basis", "")), BASES[""]),
            )
            for one in named(answer, "opening")
        ],
        bool(value(answer, "confirmed", False)),
        value(answer, "shown"),
    )


async def page(reader: Reader) -> Response:
    """The form, and the explanation of the entry that was named."""
    query = reader.request.query_params
    asked = {n: query.get(n, "").strip()[:200] for n in ("patient", "resource", "account")}
    asked["patient"] = asked["patient"].removeprefix("Patient/")
    found, said, status = None, [], 200
    if asked["patient"].replace("-", "").isalnum() and asked["resource"]:
        path = f"Patient/{asked['patient']}/$explain-access"
        given = [(name, asked[name]) for name in ("resource", "account") if asked[name]]
        try:
            found = _explained(await reader.fhir.ask(path, given))
        except Refused as refused:
            if refused.status not in (400, 404):
                raise
            status, said = refused.status, messages(refused.outcome, language_of(reader.request))
    content = {"tab": "explain", "asked": asked, "found": found, "problems": said}
    return reader.page("oversight/explanation.html", content, status)
