"""HL7 v2 messages for tests: invented people of the fictional district, and the shared sample file."""

import gzip
import re
from pathlib import Path

ID_CARD = "990101198503121230"


def adt(
    event: str = "A01",
    control_id: str = "M1",
    *,
    number: str = "P0001",
    name: str = "张^伟",
    phone: str = "19900001234",
    visit: str = "V100",
    discharged: str = "",
    character_set: str = "UNICODE UTF-8",
    facility: str = "YXZYY",
) -> str:
    """An ADT message with PID and PV1."""
    pv1 = ["PV1", "1", "I", "内科^305^12", "R", "", "", "D007^李^敏"]
    pv1 += [""] * (19 - len(pv1)) + [visit] + [""] * 24 + ["20260301083000", discharged]
    identifiers = f"{number}^^^YXZYY^PI~{ID_CARD}^^^^NI"
    segments = [
        rf"MSH|^~\&|HIS|{facility}|HIE|YX|20260301083005+0800||ADT^{event}^ADT_A01|{control_id}|P|2.5.1"
        f"||||||{character_set}",
        f"EVN|{event}|20260301083000",
        f"PID|1||{identifiers}||{name}^^^^^L||19850312|M|||清河街道1号^^云溪市^云溪省^990101^CHN^H"
        f"||{phone}^PRN^CP|||M",
        "|".join(pv1),
    ]
    return "\r".join(segments) + "\r"


def oru(
    control_id: str = "R1",
    *,
    number: str = "P0001",
    value: str = "5.10",
    status: str = "F",
    filler: str = "L2001",
    name: str = "张^伟",
) -> str:
    """An ORU^R01 with one potassium result."""
    segments = [
        rf"MSH|^~\&|LIS|YXZYY|HIE|YX|20260301120000+0800||ORU^R01^ORU_R01|{control_id}|P|2.5.1"
        "||||||UNICODE UTF-8",
        f"PID|1||{number}^^^YXZYY^PI||{name}",
        "PV1|1|I|||||||||||||||||V100",
        f"ORC|RE|O1001|{filler}",
        f"OBR|1|O1001|{filler}|2823-3^钾^LN|||20260301093000|||||||||||||||20260301115500||LAB|F",
        f"OBX|1|NM|2823-3^钾^LN^K^血钾^L||{value}|mmol/L^^UCUM|3.50-5.30|N|||{status}",
        "NTE|1||标本轻度溶血",
    ]
    return "\r".join(segments) + "\r"


def samples(shared_data: Path) -> list[bytes]:
    """The 1,013 messages of the SimHospital file."""
    content = gzip.decompress((shared_data / "hl7v2" / "simhospital.hl7.gz").read_bytes())
    return re.split(rb"(?<=[\r\n])(?=MSH\|)", content)
