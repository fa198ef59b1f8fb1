"""Messages as a Chinese record system sends them, segment by segment after HL7 2.5.1 (chapters 3, 6, 7, 10)."""

from __future__ import annotations

PID = (
    "PID|1||D0000001^^^云江医院^MR~990100196403120024^^^CN^NI||王秀兰^^^^^^L^I~Wang^Xiulan^^^^^L^A||19640312|F|||"
    "文三路1号^^杭州市^浙江省^310012^CN^^^330106||^PRN^CP^^^^^^^^^19900000001"
)
ADMITTED, DISCHARGED = "20261117093000", "20261120101500"


def msh(kind: str, control: str, at: str = "20261121100000", charset: str = "UNICODE UTF-8") -> str:
    return f"MSH|^~\\&|HIS|云江医院|BANYI|云江医院|{at}||{kind}|{control}|P|2.5.1||||||{charset}"


def text(*segments: str) -> str:
    return "\r".join(segments) + "\r"


def pv1(
    kind: str = "I",
    *,
    number: str = "ZY2026001",
    place: str = "眼科^12^3^云江医院",
    started: str = ADMITTED,
    ended: str = "",
) -> str:
    fields = [""] * 46
    fields[1], fields[2], fields[3], fields[7] = "1", kind, place, "Y1^李敏"
    fields[19], fields[44], fields[45] = number, started, ended
    return "PV1|" + "|".join(fields[1:]).rstrip("|")


def dg1(code: str, display: str, *, system: str = "ICD-10", action: str = "", number: int = 1) -> str:
    fields = [str(number), "", f"{code}^{display}^{system}", "", ADMITTED, "F", *[""] * 14, action]
    return "DG1|" + "|".join(fields).rstrip("|")


def adt(event: str, control: str, *more: str, at: str = "20261121100000", pid: str = PID) -> str:
    structure = {"A03": "ADT_A03", "A11": "ADT_A09", "A28": "ADT_A05"}.get(event, "ADT_A01")
    return text(msh(f"ADT^{event}^{structure}", control, at), f"EVN|{event}|{at}", pid, *more)


PR1 = f"PR1|1||13.4100^白内障超声乳化抽吸术^ICD-9-CM-3||{ADMITTED[:8]}103000"


def stay(control: str = "A1") -> str:
    """Admission with two diagnoses, an operation, and segments of the hospital's own."""
    return adt(
        "A01",
        control,
        pv1(),
        dg1("H25.900", "老年性白内障"),
        dg1("E11.900", "2型糖尿病", number=2),
        PR1,
        "ZPV|a|b^c",
    )


def discharge(control: str = "A2", at: str = "20261121110000") -> str:
    return adt("A03", control, pv1(ended=DISCHARGED), at=at)


def report(
    control: str = "R1", *, status: str = "F", glucose: str = "6.8", at: str = "20261121120000"
) -> str:
    return text(
        msh("ORU^R01^ORU_R01", control, at).replace("|HIS|", "|LIS|"),
        "PID|1||D0000001^^^云江医院^MR||WANG XIULAN",
        "ORC|RE|P77|JY20261121001",
        f"OBR|1|P77|JY20261121001|BG07^血糖^L|||20261121080000|||||||20261121083000||||||||20261121113000||LAB|{status}",
        f"OBX|1|NM|GLU^葡萄糖^L||{glucose}|mmol/L|3.9-6.1|H|||{status}|||20261121080000",
        "OBX|2|NM|CRP^C反应蛋白^L||3.1|mg/L||||" + status,
        "OBX|3|FT|NOTE^说明^L||标本无异常\\.br\\空腹采血||||||F",
    )


def merge(control: str, gone: str, *, kept: str = PID, at: str = "20261121130000", event: str = "A40") -> str:
    """The record `gone` is closed, that of `kept` stands."""
    return text(
        msh(f"ADT^{event}^ADT_A39", control, at),
        f"EVN|{event}|{at}",
        kept,
        f"MRG|{gone}^^^云江医院^MR||||||王秀兰",
    )
