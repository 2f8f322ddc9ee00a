"""Scopes in plain words, for the person who decides. Names of resource types follow HL7 China usage."""

from dataclasses import dataclass

from hie.auth.scopes import Scope, ScopeSet
from hie.errors import Text

TYPE_NAMES = {
    "*": Text("your whole health record", "您的全部健康档案"),
    "AllergyIntolerance": Text("allergies", "过敏史"),
    "Appointment": Text("appointments", "预约"),
    "AuditEvent": Text("who looked at your record", "档案访问记录"),
    "Basic": Text(
        "what this app keeps for itself, and other entries", "此应用自存的数据及其他条目"
    ),
    "CarePlan": Text("care plans", "照护计划"),
    "CareTeam": Text("care teams", "照护团队"),
    "Condition": Text("diagnoses and health problems", "诊断与健康问题"),
    "Consent": Text("your consents and restrictions", "您的授权与限制"),
    "Coverage": Text("insurance", "医疗保险"),
    "Device": Text("devices", "医疗器械"),
    "DiagnosticReport": Text("laboratory and imaging reports", "检验检查报告"),
    "DocumentReference": Text("documents", "医疗文书"),
    "Encounter": Text("visits and hospital stays", "就诊与住院"),
    "FamilyMemberHistory": Text("family history", "家族史"),
    "Goal": Text("health goals", "健康目标"),
    "ImagingStudy": Text("imaging", "影像检查"),
    "Immunization": Text("vaccinations", "预防接种"),
    "Location": Text("places of care", "就诊地点"),
    "Medication": Text("medicines", "药品"),
    "MedicationRequest": Text("prescriptions", "处方"),
    "MedicationStatement": Text("medicines taken", "用药情况"),
    "Observation": Text("laboratory results and measurements", "检验结果与测量值"),
    "Organization": Text("institutions", "医疗机构"),
    "Patient": Text("name, birth date, address and contact", "姓名、出生日期、住址与联系方式"),
    "Practitioner": Text("doctors and nurses", "医务人员"),
    "Procedure": Text("operations and procedures", "手术与操作"),
    "Provenance": Text("where entries come from", "数据来源"),
    "QuestionnaireResponse": Text("filled-in forms", "填写的表单"),
    "RelatedPerson": Text("relatives and guardians", "亲属与监护人"),
    "ServiceRequest": Text("orders and referrals", "申请与转诊"),
}
"""Types that people meet; others are shown under their standard name."""

PARTS = (
    "Patient",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "MedicationRequest",
    "Immunization",
    "Observation",
    "DiagnosticReport",
    "Procedure",
    "DocumentReference",
)
"""What a person may pick from when an app asks for the whole record."""

CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
CATEGORIES = {
    "laboratory": Text("laboratory results", "检验结果"),
    "vital-signs": Text("vital signs such as blood pressure", "生命体征（如血压）"),
    "imaging": Text("imaging findings", "影像所见"),
    "exam": Text("findings of examinations", "体格检查所见"),
    "survey": Text("questionnaires", "问卷"),
    "social-history": Text("habits and living conditions", "生活习惯与社会史"),
}
"""https://hl7.org/fhir/R4/valueset-observation-category.html: the parts that SMART 2.2 names for apps."""

SPECIAL_NAMES = {
    "openid": Text("Know who you are", "识别您的身份"),
    "offline_access": Text(
        "Keep this access while you are away, until you end it",
        "在您离开后继续访问，直到您取消授权",
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the approval page; `scope` is the value of its tick box."""

    scope: str
    text: Text
    parts: tuple["Choice", ...] = ()


def _verbs(permissions: str) -> Text:
    reads = bool(set(permissions) & set("rs"))
    writes = bool(set(permissions) & set("cud"))
    if reads and writes:
        return Text("See and change", "查看并修改")
    return Text("See", "查看") if reads else Text("Add or change", "新增或修改")


def _condition(scope: Scope) -> Text:
    if not scope.query:
        return Text("", "")
    codes = [value.rpartition("|")[2] for _, value in scope.query]
    names = [CATEGORIES.get(code, Text(code, code)) for code in codes]
    english, chinese = ", ".join(one.en for one in names), "、".join(one.zh for one in names)
    return Text(f" (only: {english})", f"（仅限：{chinese}）")


def _describe(scope: Scope, *, own: bool) -> Text:
    verbs, condition = _verbs(scope.permissions), _condition(scope)
    name = TYPE_NAMES.get(scope.type, Text(scope.type, scope.type))
    if scope.type == "*" and not (own and scope.context == "patient"):
        name = Text("health records", "健康档案")
    if own or scope.context == "patient":
        whose = Text("", "")
    else:
        whose = Text(" of the patients you may see", "（您有权查看的患者）")
    return Text(
        f"{verbs.en} {name.en}{whose.en}{condition.en}",
        f"{verbs.zh}{name.zh}{whose.zh}{condition.zh}",
    )


def _parts(scope: Scope) -> list[Scope]:
    """Smaller permissions that a person may grant in place of this one."""
    if scope.type == "*":
        return [Scope(scope.context, name, scope.permissions, scope.query) for name in PARTS]
    if scope.type == "Observation" and not scope.query and set(scope.permissions) <= {"r", "s"}:
        return [
            Scope(scope.context, scope.type, scope.permissions, (("category", value),))
            for value in (f"{CATEGORY_SYSTEM}|{code}" for code in CATEGORIES)
        ]
    return []


def choices(scopes: ScopeSet, *, own: bool) -> list[Choice]:
    """The lines of the approval page; `own`: the person decides about his own record."""
    lines = []
    for scope in scopes.resources:
        parts = tuple(
            Choice(str(part), _describe(part, own=own)) for part in (_parts(scope) if own else ())
        )
        lines.append(Choice(str(scope), _describe(scope, own=own), parts))
    if "offline_access" in scopes.special:
        lines.append(Choice("offline_access", SPECIAL_NAMES["offline_access"]))
    return lines
