"""The five institutions that feed the exchange: departments, rooms and staff.

Identifier systems: 2.16.156.10011.1.5 institution, .1.4 staff, .1.26 department. The numbers are
invented. Each institution sends its own directory, as FHIR Organization, Location, Practitioner and
PractitionerRole (https://hl7.org/fhir/R4/administration-module.html).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hie.demo.names import Gender, Name

Resource = dict[str, Any]

OID = "urn:oid:2.16.156.10011."


@dataclass(frozen=True, slots=True)
class Department:
    code: str
    name: str
    english: str


@dataclass(frozen=True, slots=True)
class Doctor:
    id: str
    name: Name
    gender: Gender
    department: str
    title: str


@dataclass(frozen=True, slots=True)
class Institution:
    """`channel` says how it sends: files of transaction bundles that are loaded where the exchange
    runs, HL7 v2 messages, FHIR transactions over HTTP, or a FHIR request for each resource.
    """

    code: str
    name: str
    english: str
    address: str
    phone: str
    channel: Literal["bundle", "hl7v2", "transaction", "rest"]
    departments: tuple[Department, ...]
    doctors: tuple[Doctor, ...]

    @property
    def id(self) -> str:
        """The id of its Organization; ids of everything it sends begin with it."""
        return self.code.lower()

    @property
    def hospital(self) -> bool:
        return self.code.startswith("YX-H")

    def department(self, code: str) -> Department:
        return next(item for item in self.departments if item.code == code)

    def doctors_of(self, department: str) -> tuple[Doctor, ...]:
        return tuple(doctor for doctor in self.doctors if doctor.department == department)


_ENDOCRINOLOGY = Department("0309", "内分泌科", "Endocrinology")
_CARDIOLOGY = Department("0304", "心血管内科", "Cardiology")
_INTERNAL = Department("03", "内科", "Internal medicine")
_SURGERY = Department("04", "外科", "Surgery")
_OBSTETRICS = Department("05", "妇产科", "Obstetrics and gynaecology")
_PAEDIATRICS = Department("07", "儿科", "Paediatrics")
_EMERGENCY = Department("20", "急诊医学科", "Emergency medicine")
_LABORATORY = Department("30", "医学检验科", "Laboratory")
_INFORMATICS = Department("90", "信息中心", "Health informatics")
_TRADITIONAL = Department("50", "中医科", "Traditional Chinese medicine")
_GENERAL = Department("02", "全科医疗科", "General practice")
_PREVENTION = Department("01", "预防保健科", "Preventive care")


def _doctor(
    id_: str, name: str, gender: Gender, department: str, title: str = "主治医师"
) -> Doctor:
    """A doctor; `name` is written with a blank after the family name."""
    family, given = name.split()
    return Doctor(id_, Name(family, given), gender, department, title)


H1, H2 = "YX-H1", "YX-H2"

INSTITUTIONS: tuple[Institution, ...] = (
    Institution(
        H1, "云溪区第一人民医院", "Yunxi District First People's Hospital",
        "云溪区人民路1号", "19900099001", "bundle",
        (_ENDOCRINOLOGY, _CARDIOLOGY, _INTERNAL, _SURGERY, _OBSTETRICS, _PAEDIATRICS, _EMERGENCY,
         _LABORATORY, _INFORMATICS),
        (
            _doctor("yx-h1-li-jing", "李 静", "female", "0309", "副主任医师"),
            _doctor("yx-h1-chen-zhiyuan", "陈 志远", "male", "0309"),
            _doctor("yx-h1-wu-jianguo", "吴 建国", "male", "0304", "主任医师"),
            _doctor("yx-h1-zhou-min", "周 敏", "female", "03"),
            _doctor("yx-h1-sun-peng", "孙 鹏", "male", "04"),
            _doctor("yx-h1-huang-lijuan", "黄 丽娟", "female", "05", "主任医师"),
            _doctor("yx-h1-xu-qian", "徐 倩", "female", "07"),
            _doctor("yx-h1-ma-chao", "马 超", "male", "20"),
            _doctor("yx-h1-he-dan", "何 丹", "female", "30"),
            _doctor("yx-h1-gao-jie", "高 洁", "female", "90", "数据管理员"),
            _doctor("yx-h1-shen-yue", "沈 悦", "female", "90", "审计员"),
            _doctor("yx-h1-fan-min", "范 敏", "female", "90", "复核员"),
        ),
    ),
    Institution(
        H2, "云溪区中医医院", "Yunxi District Hospital of Traditional Chinese Medicine",
        "云溪区杏林路8号", "19900099002", "hl7v2",
        (_INTERNAL, _CARDIOLOGY, _SURGERY, _TRADITIONAL, _LABORATORY),
        (
            _doctor("yx-h2-lin-wenhua", "林 文华", "male", "03", "副主任医师"),
            _doctor("yx-h2-zheng-xue", "郑 雪", "female", "0304"),
            _doctor("yx-h2-liang-gang", "梁 刚", "male", "04"),
            _doctor("yx-h2-xie-chunmei", "谢 春梅", "female", "50", "主任医师"),
            _doctor("yx-h2-tang-jia", "唐 佳", "female", "30"),
        ),
    ),
    Institution(
        "YX-S1", "清河社区卫生服务中心", "Qinghe Community Health Centre",
        "云溪区清河路66号", "19900099003", "transaction", (_GENERAL, _PREVENTION),
        (
            _doctor("yx-s1-wang-lei", "王 磊", "male", "02"),
            _doctor("yx-s1-luo-ling", "罗 玲", "female", "02"),
            _doctor("yx-s1-song-jia", "宋 佳", "female", "01", "护师"),
        ),
    ),
    Institution(
        "YX-S2", "柳园社区卫生服务中心", "Liuyuan Community Health Centre",
        "云溪区柳园街20号", "19900099004", "transaction", (_GENERAL, _PREVENTION),
        (
            _doctor("yx-s2-han-ying", "韩 莹", "female", "02"),
            _doctor("yx-s2-feng-yong", "冯 勇", "male", "02"),
            _doctor("yx-s2-cao-ping", "曹 萍", "female", "01", "护师"),
        ),
    ),
    Institution(
        "YX-S3", "北桥社区卫生服务站", "Beiqiao Community Health Station",
        "云溪区北桥路5号", "19900099005", "rest", (_GENERAL, _PREVENTION),
        (
            _doctor("yx-s3-deng-kai", "邓 凯", "male", "02"),
            _doctor("yx-s3-xu-lu", "许 璐", "female", "01", "护师"),
        ),
    ),
)  # fmt: skip

BY_CODE = {institution.code: institution for institution in INSTITUTIONS}


def human_name(name: Name) -> Resource:
    """A FHIR HumanName with the whole name as text, as everywhere in the exchange."""
    return {"use": "official", "text": name.text, "family": name.family, "given": [name.given]}


def directory(institution: Institution) -> Iterator[Resource]:
    """Organization (with a part for each department), Location, Practitioner, PractitionerRole."""
    own = {"reference": f"Organization/{institution.id}", "display": institution.name}
    yield {
        "resourceType": "Organization",
        "id": institution.id,
        "identifier": [
            {"system": f"{OID}1.5", "value": f"990101{institution.code}"},
            {"system": "urn:hie:institution", "value": institution.code},
        ],
        "active": True,
        "type": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/organization-type",
                        "code": "prov",
                        "display": "Healthcare Provider",
                    }
                ],
                "text": "医院" if institution.hospital else "基层医疗卫生机构",
            }
        ],
        "name": institution.name,
        "alias": [institution.english],
        "telecom": [{"system": "phone", "value": institution.phone, "use": "work"}],
        "address": [
            {"use": "work", "text": institution.address, "district": "云溪区", "country": "CN"}
        ],
    }
    for department in institution.departments:
        id_ = f"{institution.id}-{department.code}"
        yield {
            "resourceType": "Organization",
            "id": id_,
            "identifier": [
                {"system": f"{OID}1.26", "value": f"{institution.code}.{department.code}"}
            ],
            "active": True,
            "name": f"{institution.name}{department.name}",
            "alias": [department.english],
            "partOf": own,
        }
        yield {
            "resourceType": "Location",
            "id": id_,
            "status": "active",
            "name": department.name,
            "alias": [department.english],
            "mode": "instance",
            "managingOrganization": {
                "reference": f"Organization/{id_}",
                "display": department.name,
            },
        }
    for number, doctor in enumerate(institution.doctors, 1):
        yield {
            "resourceType": "Practitioner",
            "id": doctor.id,
            "identifier": [{"system": f"{OID}1.4", "value": f"{institution.code}{number:03d}"}],
            "active": True,
            "name": [human_name(doctor.name)],
            "gender": doctor.gender,
        }
        department = institution.department(doctor.department)
        yield {
            "resourceType": "PractitionerRole",
            "id": doctor.id,
            "active": True,
            "practitioner": {
                "reference": f"Practitioner/{doctor.id}",
                "display": doctor.name.text,
            },
            "organization": own,
            "code": [{"text": doctor.title}],
            "specialty": [{"coding": [{"system": f"{OID}1.26", "code": department.code,
                                       "display": department.name}], "text": department.name}],
            "location": [{"reference": f"Location/{institution.id}-{department.code}",
                          "display": department.name}],
        }  # fmt: skip
