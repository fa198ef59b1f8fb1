"""Items of every type, as a follow-up asks them."""

from __future__ import annotations

from care.questionnaires.parts import Choice, Item

PAIN = Item(
    "pain",
    "今天伤口疼几分？0是不疼，10是最疼。",
    "integer",
    minimum=0,
    maximum=10,
    lowest=0,
    highest=10,
    required=True,
)
FEVER = Item(
    "temperature", "今天量的体温是多少度？", "quantity", minimum=35, maximum=41, lowest=30, highest=45,
    unit="℃", unit_code="Cel",
)  # fmt: skip
HIGH = Item(
    "systolic", "今天的血压是多少？", "quantity", minimum=70, maximum=220, lowest=40, highest=300,
    unit="mmHg", unit_code="mm[Hg]", pair="diastolic", required=True,
)  # fmt: skip
LOW = Item(
    "diastolic", "低压是多少？", "quantity", minimum=40, maximum=130, lowest=20, highest=200,
    unit="mmHg", unit_code="mm[Hg]", required=True,
)  # fmt: skip
SUGAR = Item(
    "glucose", "空腹血糖是多少？", "quantity", minimum=2, maximum=25, lowest=0.5, highest=60,
    unit="mmol/L", unit_code="mmol/L", required=True,
)  # fmt: skip
WEIGHT = Item(
    "weight", "今天体重多少公斤？", "quantity", minimum=30, maximum=150, lowest=1, highest=400, unit="公斤", unit_code="kg"
)  # fmt: skip
DAYS = Item(
    "days", "这周有几天忘了吃药？", "integer", minimum=0, maximum=7, lowest=0, highest=7, required=True
)
RED = Item("red", "伤口有没有红肿？", "boolean", required=True, group="伤口")
OOZE = Item("ooze", "伤口有没有渗液或流脓？", "boolean", required=True, group="伤口")
SWELL = Item("swell", "小腿有没有肿？", "boolean", required=True, group="伤口")
TAKEN = Item("taken", "今天按时吃药了吗？", "boolean", required=True)
PHQ = Item(
    "interest", "做事时提不起劲或没有兴趣", "choice", required=True,
    choices=(Choice("0", "完全不会", 0), Choice("1", "好几天", 1), Choice("2", "一半以上的天数", 2), Choice("3", "几乎每天", 3)),
)  # fmt: skip
MARK = Item(
    "overall", "您对这次就诊总体满意吗？", "choice", required=True,
    choices=tuple(Choice(str(n), one, n) for n, one in enumerate(("很不满意", "不满意", "一般", "满意", "很满意"), 1)),
)  # fmt: skip
SIGNS = Item(
    "signs", "这两天有下面哪些情况？可以选几个。", "choice", required=True, repeats=True,
    choices=(
        Choice("cough", "咳嗽"), Choice("phlegm", "有痰"), Choice("short", "气短"), Choice("chest", "胸口疼"),
        Choice("none", "以上都没有", exclusive=True),
    ),
)  # fmt: skip
SINCE = Item("since", "是哪天开始的？", "date", required=True)
COMMENT = Item("comment", "还有什么想对我们说的？", "text")
WHERE = Item(
    "where",
    "哪里不舒服？",
    "open-choice",
    choices=(Choice("head", "头"), Choice("belly", "肚子")),
    required=True,
)
