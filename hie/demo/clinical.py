"""The small vocabulary of the demo: diagnoses, laboratory panels, medicines, vaccines.

Typed by hand for this project. Sources of the codes: WHO ICD-10 (2019) for diagnoses and ICD-9-CM
volume 3 for procedures, with the usual Chinese terms; LOINC (https://loinc.org) for observations;
UCUM (https://ucum.org) for units; WHO ATC for medicines; CDC CVX for vaccines. Reference ranges are
ordinary adult ranges for demonstration, not for care.
"""

from dataclasses import dataclass

_SHOWN_UNITS = {"mm[Hg]": "mmHg", "Cel": "℃", "umol/L": "μmol/L", "10*9/L": "10⁹/L"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An ICD-10 code with Chinese and English words."""

    code: str
    name: str
    english: str
    chronic: bool = False


@dataclass(frozen=True, slots=True)
class Analyte:
    """Something measured: LOINC code, the institutions' own code, UCUM unit and normal range."""

    loinc: str
    local: str
    name: str
    english: str
    unit: str
    low: float | None
    high: float | None
    decimals: int = 1

    @property
    def shown_unit(self) -> str:
        """The unit as people write it; `unit` is its UCUM code."""
        return _SHOWN_UNITS.get(self.unit, self.unit)

    def flag(self, value: float) -> str:
        """L, N or H of v3 ObservationInterpretation; N when there is no range to judge by."""
        if self.low is not None and value < self.low:
            return "L"
        return "H" if self.high is not None and value > self.high else "N"


@dataclass(frozen=True, slots=True)
class Panel:
    """A laboratory report with its analytes."""

    loinc: str
    local: str
    name: str
    english: str
    analytes: tuple[Analyte, ...]


@dataclass(frozen=True, slots=True)
class Medicine:
    """An ATC code with name, strength and the usual dosage."""

    atc: str
    name: str
    english: str
    dosage: str
    times_a_day: int
    dose: float
    unit: str


@dataclass(frozen=True, slots=True)
class Vaccine:
    """A CVX code, and the ages in months at which a dose is due (GB: 国家免疫规划 schedule)."""

    cvx: str
    name: str
    english: str
    months: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An ICD-9-CM volume 3 code."""

    code: str
    name: str
    english: str


HYPERTENSION = Diagnosis("I10", "原发性高血压", "Essential (primary) hypertension", chronic=True)
DIABETES = Diagnosis(
    "E11.9", "2型糖尿病", "Type 2 diabetes mellitus without complications", chronic=True
)
DIABETIC_KIDNEY = Diagnosis(
    "E11.2",
    "2型糖尿病伴有肾的并发症",
    "Type 2 diabetes mellitus with renal complications",
    chronic=True,
)
HYPERLIPIDAEMIA = Diagnosis("E78.5", "高脂血症", "Hyperlipidaemia, unspecified", chronic=True)
CORONARY = Diagnosis("I25.1", "动脉粥样硬化性心脏病", "Atherosclerotic heart disease", chronic=True)
COLD = Diagnosis("J06.9", "急性上呼吸道感染", "Acute upper respiratory infection, unspecified")
BRONCHITIS = Diagnosis("J20.9", "急性支气管炎", "Acute bronchitis, unspecified")
GASTRITIS = Diagnosis("K29.5", "慢性胃炎", "Unspecified chronic gastritis")
BACK_PAIN = Diagnosis("M54.5", "下背痛", "Low back pain")
KNEE = Diagnosis("M17.9", "膝关节病", "Gonarthrosis, unspecified")
ANKLE = Diagnosis("S93.4", "踝关节扭伤和劳损", "Sprain and strain of ankle")
ECZEMA = Diagnosis("L30.9", "皮炎", "Dermatitis, unspecified")
URINARY = Diagnosis("N39.0", "泌尿道感染", "Urinary tract infection, site not specified")
APPENDICITIS = Diagnosis("K35.8", "急性阑尾炎", "Acute appendicitis, other and unspecified")
CATARACT = Diagnosis("H25.9", "老年性白内障", "Senile cataract, unspecified")
TWIN_PREGNANCY = Diagnosis("O30.0", "双胎妊娠", "Twin pregnancy")
TWIN_BORN = Diagnosis("Z38.3", "双胎，在医院内出生", "Twin, born in hospital")
BORN = Diagnosis("Z38.0", "单胎，在医院内出生", "Singleton, born in hospital")

A1C = Analyte(
    "4548-4", "HbA1c", "糖化血红蛋白", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 4.0, 6.0
)
GLUCOSE = Analyte("14771-0", "FPG", "空腹血糖", "Fasting glucose [Moles/volume] in Serum or Plasma", "mmol/L", 3.9, 6.1)  # fmt: skip
CREATININE = Analyte("14682-9", "CREA", "肌酐", "Creatinine [Moles/volume] in Serum or Plasma", "umol/L", 44, 106, 0)  # fmt: skip
UREA = Analyte(
    "22664-7", "UREA", "尿素", "Urea [Moles/volume] in Serum or Plasma", "mmol/L", 3.1, 8.8
)
URATE = Analyte(
    "14933-6", "UA", "尿酸", "Urate [Moles/volume] in Serum or Plasma", "umol/L", 155, 428, 0
)
CHOLESTEROL = Analyte("14647-2", "TC", "总胆固醇", "Cholesterol [Moles/volume] in Serum or Plasma", "mmol/L", None, 5.18, 2)  # fmt: skip
TRIGLYCERIDE = Analyte("14927-8", "TG", "甘油三酯", "Triglyceride [Moles/volume] in Serum or Plasma", "mmol/L", None, 1.7, 2)  # fmt: skip
HDL = Analyte("14646-4", "HDL-C", "高密度脂蛋白胆固醇", "Cholesterol in HDL [Moles/volume] in Serum or Plasma", "mmol/L", 1.04, None, 2)  # fmt: skip
LDL = Analyte("22748-8", "LDL-C", "低密度脂蛋白胆固醇", "Cholesterol in LDL [Moles/volume] in Serum or Plasma", "mmol/L", None, 3.37, 2)  # fmt: skip
LEUKOCYTES = Analyte("6690-2", "WBC", "白细胞计数", "Leukocytes [#/volume] in Blood by Automated count", "10*9/L", 3.5, 9.5)  # fmt: skip
HAEMOGLOBIN = Analyte(
    "718-7", "HGB", "血红蛋白", "Hemoglobin [Mass/volume] in Blood", "g/L", 115, 175, 0
)
PLATELETS = Analyte("777-3", "PLT", "血小板计数", "Platelets [#/volume] in Blood by Automated count", "10*9/L", 125, 350, 0)  # fmt: skip
CRP = Analyte("1988-5", "CRP", "C反应蛋白", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", None, 10.0)  # fmt: skip

SYSTOLIC = Analyte("8480-6", "SBP", "收缩压", "Systolic blood pressure", "mm[Hg]", 90, 139, 0)
DIASTOLIC = Analyte("8462-4", "DBP", "舒张压", "Diastolic blood pressure", "mm[Hg]", 60, 89, 0)
TEMPERATURE = Analyte("8310-5", "TEMP", "体温", "Body temperature", "Cel", 36.0, 37.2)
WEIGHT = Analyte("29463-7", "WT", "体重", "Body weight", "kg", None, None)
HEIGHT = Analyte("8302-2", "HT", "身高", "Body height", "cm", None, None)

SUGAR_PANEL = Panel("55399-0", "TNB", "糖代谢检验", "Diabetes tracking panel", (A1C, GLUCOSE))
KIDNEY_PANEL = Panel("24362-6", "SGN", "肾功能检验", "Renal function 2000 panel - Serum or Plasma", (CREATININE, UREA, URATE))  # fmt: skip
LIPID_PANEL = Panel("57698-3", "XZ", "血脂检验", "Lipid panel with direct LDL - Serum or Plasma", (CHOLESTEROL, TRIGLYCERIDE, HDL, LDL))  # fmt: skip
BLOOD_PANEL = Panel("58410-2", "XCG", "血常规", "CBC panel - Blood by Automated count", (LEUKOCYTES, HAEMOGLOBIN, PLATELETS, CRP))  # fmt: skip

METFORMIN = Medicine(
    "A10BA02", "盐酸二甲双胍片 0.5g", "metformin", "口服，每次1片，每日2次，餐中", 2, 1, "片"
)
ACARBOSE = Medicine(
    "A10BF01", "阿卡波糖片 50mg", "acarbose", "口服，每次1片，每日3次，餐前即刻嚼服", 3, 1, "片"
)
GLARGINE = Medicine(
    "A10AE04",
    "甘精胰岛素注射液",
    "insulin glargine",
    "皮下注射，每晚1次，每次12单位",
    1,
    12,
    "单位",
)
AMLODIPINE = Medicine(
    "C08CA01", "苯磺酸氨氯地平片 5mg", "amlodipine", "口服，每次1片，每日1次", 1, 1, "片"
)
LOSARTAN = Medicine("C09CA01", "氯沙坦钾片 50mg", "losartan", "口服，每次1片，每日1次", 1, 1, "片")
ATORVASTATIN = Medicine(
    "C10AA05", "阿托伐他汀钙片 20mg", "atorvastatin", "口服，每晚1次，每次1片", 1, 1, "片"
)
ASPIRIN = Medicine(
    "B01AC06", "阿司匹林肠溶片 100mg", "acetylsalicylic acid", "口服，每次1片，每日1次", 1, 1, "片"
)
AMOXICILLIN = Medicine(
    "J01CA04", "阿莫西林胶囊 0.5g", "amoxicillin", "口服，每次1粒，每日3次", 3, 1, "粒"
)
OMEPRAZOLE = Medicine(
    "A02BC01", "奥美拉唑肠溶胶囊 20mg", "omeprazole", "口服，每次1粒，每日1次，晨起空腹", 1, 1, "粒"
)
IBUPROFEN = Medicine(
    "M01AE01", "布洛芬缓释胶囊 0.3g", "ibuprofen", "口服，必要时每次1粒，每日不超过2次", 2, 1, "粒"
)
CETIRIZINE = Medicine(
    "R06AE07", "盐酸西替利嗪片 10mg", "cetirizine", "口服，每晚1次，每次1片", 1, 1, "片"
)
AMBROXOL = Medicine(
    "R05CB06", "盐酸氨溴索口服溶液", "ambroxol", "口服，每次10毫升，每日2次", 2, 10, "毫升"
)

CHILD_VACCINES = (
    Vaccine("08", "重组乙型肝炎疫苗", "Hepatitis B, pediatric", (0, 1, 6)),
    Vaccine("19", "皮内注射用卡介苗", "BCG", (0,)),
    Vaccine("10", "脊髓灰质炎灭活疫苗", "IPV", (2, 3)),
    Vaccine("20", "百白破疫苗", "DTaP", (3, 4, 5, 18)),
    Vaccine("03", "麻腮风联合减毒活疫苗", "MMR", (8, 18)),
    Vaccine("39", "乙型脑炎疫苗", "Japanese encephalitis", (8, 24)),
    Vaccine("83", "甲型肝炎疫苗", "Hepatitis A, ped/adol, 2 dose", (18,)),
)
INFLUENZA = Vaccine("141", "流感病毒裂解疫苗", "Influenza, seasonal, injectable", ())
PNEUMOCOCCAL = Vaccine("33", "23价肺炎球菌多糖疫苗", "Pneumococcal polysaccharide PPV23", ())

APPENDECTOMY = Operation("47.01", "腹腔镜下阑尾切除术", "Laparoscopic appendectomy")
CATARACT_SURGERY = Operation(
    "13.41", "白内障超声乳化抽吸术", "Phacoemulsification and aspiration of cataract"
)
CAESAREAN = Operation("74.1", "子宫下段剖宫产术", "Low cervical cesarean section")
