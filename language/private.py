"""Takes out of a text what says who wrote it: numbers that identify, addresses on the net, names of people.

For texts that editors read apart from their conversation. What is taken out becomes ``MASK``. Numbers of five
digits or more go, however they are written (spaces, dashes, Chinese numerals); names go where the text says
that one follows ("我叫…", "患者…"), and where three characters that begin with a surname are no word of the
dictionary. Names of staff ("李建国主任") stay: a question about a doctor needs them. It cannot know every name.
"""

from __future__ import annotations

import re

import jieba

MASK = "＊"

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖董潘袁蔡蒋余杜叶魏苏吕丁沈姚卢姜崔谭汪廖贾邹熊秦邱尹薛闫"
_COMMON = frozenset(SURNAMES)
_DIGIT = "0-9０-９〇零一二三四五六七八九幺"
_NUMBER = re.compile(r"[+＋]?[0-9０-９](?:[\s\-—·.]?[0-9０-９]){4,}[xXｘＸ]?")
_SPOKEN = re.compile(rf"[{_DIGIT}](?:[\s\-]?[{_DIGIT}]){{6,}}")
_OPENID = re.compile(r"(?<![\w-])o[\w-]{27}(?![\w-])", re.ASCII)
_LINK = re.compile(r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+", re.ASCII | re.IGNORECASE)
_HANDLE = re.compile(r"((?:微信号?|qq号?|vx|v信)\s*[:：是]?\s*)[A-Za-z0-9_-]{4,}", re.IGNORECASE)
_TITLE = "(?:副?主任|医生|大夫|教授|专家|护士|院长|老师|主治|药师)"
_NAME = (
    rf"(?:欧阳|上官|司马|诸葛|(?!周[一二三四五六日天末几]|何[时处日地])[{SURNAMES}])[\u4e00-\u9fff]{{1,2}}"
)
_END = r"(?=$|[\s,，。.!！?？、;；:：的想要请在能可有是和预挂去来今后把办住做开拿查看])"
_LEADS = (
    r"我(?:的名字)?叫|名叫|名字是|姓名(?:是|[:：])?|(?:患者|病人|就诊人|孩子|老公|老婆|妈妈|爸爸|本人)(?:叫|是|[:：])?"
    r"|我是|我(?:妈妈?|爸爸?|老公|老婆|儿子|女儿|孩子|奶奶|爷爷|外婆|外公|母亲|父亲)(?:是|叫)?"
)
_TOLD = re.compile(rf"((?:{_LEADS})\s*){_NAME}{_END}(?!{_TITLE})")
_AFTER_NAME = re.compile(rf"\s*{_TITLE}")


def strip_private(text: str) -> str:
    """``text`` with ``MASK`` in the place of identifying numbers, addresses and names; never raises."""
    text = _LINK.sub(MASK, text)
    text = _OPENID.sub(MASK, text)
    text = _HANDLE.sub(rf"\1{MASK}", text)
    text = _NUMBER.sub(MASK, text)
    text = _SPOKEN.sub(MASK, text)
    text = _TOLD.sub(rf"\1{MASK}", text)
    return _unknown_names(text)


def _unknown_names(text: str) -> str:
    """Without the words of three characters that begin with a common surname and that no dictionary knows."""
    if _COMMON.isdisjoint(text):
        return text
    jieba.setLogLevel(60)
    known = jieba.dt.FREQ
    parts: list[str] = []
    place = 0
    for word in jieba.cut(text):
        place += len(word)
        is_name = len(word) == 3 and word[0] in _COMMON and not known.get(word)
        parts.append(MASK if is_name and not _AFTER_NAME.match(text, place) else word)
    return "".join(parts)
