"""The words by which patients answer, refuse, and change their minds. They are heard, never said."""

from __future__ import annotations

import re

from care.appointments.models import Part

PARTS = {(8, 12): Part.MORNING, (12, 18): Part.AFTERNOON, (18, 0): Part.EVENING}
"""Hours (start, end; midnight is 0) that are a whole part of the day."""
HOURS = {part: (low, high or 24) for (low, high), part in PARTS.items()}

NO_TIME = {"to", "before", "after", "vague", "set", "duration", "ago", "past", "last_unit", "working_days"}
COUNTED = {"next_days", "later", "within", "days_set"}
CHANGE = re.compile(
    r"(?:改|换|挪|调|推迟|延期|提前|移|延|推)(?:约|期|号)?(?:到|成|至|为|去)"
    r"|[改换](?=的?(?:[\d一二三四五六七八九十]{1,3}[号点月日]|[周星礼今明]|后天|大后|上午|下午|早上|晚上|下个?[周星礼月]))"
)
REFUSAL = re.compile(
    r"(?:我)?(?:就)?(?:去不了|来不了|去不成|不去了?|不来了?|不能[去来]|没法[去来]|不想[去来]|没空|没时间|有事|不行|不方便|不要了?)了?"
)
PAUSE = re.compile(r"等一?下(?=[\s,，。]+)|(?:一下)(?=[周星礼])|^(?:等等|稍等|那个)[\s,，]*")
JOINT = re.compile(r"(?<=[周期拜][一二三四五六日天])(?=\d)")
A_LITTLE = re.compile(
    r"(?<=[早晚近快急好密宜远些多少便])一点(?![钟半\d一二三四五])|(?<=[早晚近快])点(?=的|儿|$)"
)
EITHER_OR = re.compile(r"有没有|行不行|可不可以|能不能|方不方便|有没")
RIGHT_NOW = re.compile(r"现在|目前|这会儿?")
EARLIER = re.compile(r"(?<!最)(?<![今明后])早(?:一)?些|提前(?!预?约|挂|到)|更早|往前|早一?点")
LATER = re.compile(r"(?:推|延|往|靠)后|推迟(?!到)|(?<![今明后])晚(?:一)?些|更晚|晚一?点")
_DAYS = r"(?P<n>[一二两三四五六七八九十]|\d{1,2})个?(?P<unit>天|日|周|星期|礼拜)(?![内之以后前就])"
SHIFTS = (
    (
        1,
        re.compile(
            rf"(?:再?[往向朝]?后(?:推|挪|延|移|改|调|顺|放)|[推延挪]后|推迟|延迟|延期|顺延|推|延|(?<![今明昨每当夜])晚){_DAYS}"
        ),
    ),
    (
        -1,
        re.compile(
            rf"(?:再?[往向朝]前(?:推|挪|移|调|放|改)?|提[前早]|(?<![今明昨每清])早){_DAYS}(?!预?约|挂|到|来)"
        ),
    ),
    (1, re.compile(r"(?<![今明大以之])[后下](?P<n>[一1])(?P<unit>天)(?!后|以后)")),
    (-1, re.compile(r"(?<![今明大以之提])前(?P<n>[一1])(?P<unit>天)(?!前|以前)")),
    (1, re.compile(r"(?<=[改换挪调推延移][到成至为])(?:第(?P<n>)二(?P<unit>天)|次日|转天)")),
)
"""Days counted from the day that is talked of, not from today: 改到后一天, 往后推两天, 提前一周. Sign and pattern."""
KIN = re.compile(
    r"(?:帮|给|替|带|陪|为)[我俺咱们家]{0,3}(?:(?P<child>娃儿?|囡囡?|宝贝|崽)|(?P<mother>姆妈|阿妈)"
    r"|(?P<other>爷爷|奶奶|外婆|外公|姥姥|姥爷|婆婆|公公|岳母|岳父|姐姐?|妹妹?|哥哥?|弟弟?|朋友|同事|邻居|老人))"
    r"|^(?:我家)?(?P<kid>娃儿?(?!娃))"
)
RECOMMENDS = re.compile(r"推荐|介绍|(?<!想)说")
GENERIC = {"内科": "内科", "外科": "外科", "看内科": "内科", "看外科": "外科"}
ANY_DOCTOR = re.compile(
    r"(?:不限|随便|不挑|不指定)(?:哪个|哪位|什么)?(?:医生|大夫)|(?:哪个|哪位|什么)(?:医生|大夫)都|(?:医生|大夫)(?:都行|都可以|无所谓|随便)"
)
ANY_TIME = re.compile(
    r"最早|最快|越[快早]越好|尽[快早]|最近的?(?:号|时间|一个|一天)?$|(?:哪天|什么时候|时间)(?:都|随便)|随便(?:哪天|一天|什么时候|都)?|都行|都可以|无所谓"
)
EARLIEST = re.compile(r"最早|最快|越[快早]越好|尽[快早]")
KINDS = {
    "expert": re.compile(r"专家(?:号|门诊)|(?:挂|约|看|要)(?:个|一个)?专家|主任(?:的)?号"),
    "general": re.compile(r"普通(?:号|门诊)"),
    "special": re.compile(r"特需(?:号|门诊)?|国际门诊"),
    "online": re.compile(r"(?:线上|网上|视频|互联网)(?:看病|看诊|问诊|复诊|门诊|号)"),
    "return": re.compile(r"复诊"),
    "first": re.compile(r"初诊"),
}
"""Kinds of visit as patients name them. A return or first visit is seen in any clinic where the hospital has none of its own."""
OTHER_TIME = re.compile(
    r"(?:换|改)(?:个|一个|一下|下)?(?:时间|日期|日子|时段|天|点)|换一天|(?:别的|其他|其它|另外的?)(?:时间|日期|日子|天|时段)|时间(?:不行|不合适|不对|不方便)|(?:这个|那个)?时间(?:我)?(?:没空|来不了)|再看看"
)
OTHER_DOCTOR = re.compile(
    r"(?:换|改)(?:个|一个|一位|位)?[女男老]?的?(?:医生|大夫|专家|主任)|(?:别的|其他|其它|另外的?)(?:医生|大夫|专家)|(?:指定|选)(?:医生|大夫)|有哪些(?:医生|大夫)"
)
NOT_THIS_ONE = re.compile(r"(?:不要|不想[要看挂]?|不看|不挂|别[要挂看约]?|除了|不是|不约|换掉|换了)$")
"""Before a doctor's name: it is said to be left out."""
_LAST_TIME = r"(?:上一?次|上一?回|之前|以前|原来)"
_DOCTOR = r"(?:医生|大夫|专家|主任|医师)(?!说|让|叫|讲|开|建议|给我[开说])"
SAME_DOCTOR = re.compile(
    rf"(?:还是|就|找|挂|约|看)(?:给我|帮我)?{_LAST_TIME}(?:看病?|看过|挂|约)?的?(?:那个|那位)?{_DOCTOR}"
    rf"|{_LAST_TIME}(?:给我|帮我)?(?:看病?|看过|挂|约)?的?(?:那个|那位)的?{_DOCTOR}|{_LAST_TIME}(?:看|看过|挂|约)的{_DOCTOR}"
    rf"|老样子|[跟和照同]{_LAST_TIME}(?:的)?一样(?=$|[，,。 吧]|就[行好]|的[医号])"
)
"""The doctor of the last visit."""
LITTLE_ONE = re.compile(r"(?:给|是)?(?:小的|老小|小宝|二宝|弟弟|妹妹)(?:那个)?")
BIG_ONE = re.compile(r"(?:给|是)?(?:大的|老大|大宝|哥哥|姐姐)(?:那个)?")
WAITS = re.compile(
    r"候补|(?:退|有|空|放|多)[^，,。]{0,8}(?:告诉|通知|提醒|联系|喊|叫)[^，,。]{0,2}我|等(?:着|一?下)?(?:别人)?退号|(?:帮我)?(?:排|等)[着个]?(?:队|候补|退号)"
)
LEAVES_LINE = re.compile(r"(?:不|取消|退出|别|撤)[^，,。]{0,4}候补|候补[^，,。]{0,3}(?:取消|不要|不等|退|算)")
KEEPS = re.compile(
    r"(?:(?:还是|就|那)+(?:按|要|约|用)?(?:原来|之前|以前|原先|原定|刚才|刚刚)(?:的|那个|那天)*(?:时间|号)?|不[改换动挪]了|(?:别|不用|不要|先不)[改换动挪]了?)(?:吧|好了|就行|了|算了)?$"
)
"""What was there before is kept after all."""
THE_ONE_BEFORE = re.compile(
    r"(?:还是|就)?(?:原来|之前|刚才|刚刚|前面|第一次)的?(?:那个|那天|时间|号)?(?:吧|好了|就行)?$"
)
OTHER_DEPARTMENT = re.compile(
    r"(?:换|改)(?:个|一个)?(?:科室|科(?!.))|(?:别的|其他|其它|另外的?)科|科室?(?:不对|错了|选错)|(?:挂|约|选)错科"
)
OTHER_PERSON = re.compile(
    r"换(?:个|一个)?人|(?:不是|不)给(?:他|她|我|这个人)|人(?:不对|错了|选错)|(?:别的|其他|另外的?)人"
)
QUIT = frozenset(
    {"取消", "取消预约", "不要了", "不挂了", "不看了", "不预约了", "不挂号了", "先不约", "先不挂了", "不用了"}
)
YES = frozenset(
    {
        "是",
        "是的",
        "对",
        "对的",
        "对对",
        "好",
        "好的",
        "好滴",
        "好嘞",
        "行",
        "行的",
        "中",
        "可以",
        "可",
        "确认",
        "确定",
        "确认预约",
        "确定预约",
        "没错",
        "没问题",
        "嗯",
        "嗯嗯",
        "ok",
        "okay",
        "yes",
        "y",
        "就这个",
        "就它",
        "就这样",
        "约",
        "约它",
        "预约",
        "要",
        "要的",
        "确认改约",
        "定了",
        "要得",
        "对头",
        "得行",
        "系",
        "中嘞",
        "成",
        "给她",
        "给他",
    }
)
NO = frozenset(
    {
        "不",
        "不是",
        "不对",
        "不要",
        "不行",
        "不好",
        "否",
        "不可以",
        "no",
        "n",
        "不是的",
        "错了",
        "不是这个",
        "不合适",
    }
)
REFUSING = re.compile(
    r"但是?|只要|除了|除外|[以之]外|不算|不是|其[他它余](?:时间|日子|天)?|都?没空|没时间|起不来|走不开|要?上班|有事|[不别]要?|实在|太早了?"
)
"""Words that say of a time that it does not suit; nothing else is asked by them."""
FILLERS = re.compile(
    r"[\W_]+|您好|你好|喂|谢谢|麻烦|请|帮我|帮|给我|我要|我想|想要|需要|我|想|要|给|挂号|挂|预约|约|号|一下|一个|个|位|的|了|吗|呢|吧|啊|呀|嘛|哈|么|哦|有没有|还有|有没|有|没有|没|尽量|任[何意]一天|哪一?天|看病|看看|看|门诊|医生|大夫|主任|专家|医师|等下|等一下|等等|那就|那|就|还是|换成|换到|换|改成|改到|改约到|改|可以|可|能不能|能|行不行|行|不|有空|空闲|空|时间段|时间|左右|[以之][前后]|最好|是|到|去|来|下|吧|它|这个|都|再|也|和|跟|或者|或"
)
