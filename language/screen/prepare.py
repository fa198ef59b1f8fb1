"""A message as the rules read it: normalised, figures of speech masked, spaces gone, punctuation as marks.

Marks: ``，`` ends a clause, ``。`` a sentence, ``？`` a question; ``、`` joins a list and stays.
"""

from __future__ import annotations

import re
from functools import lru_cache

from language.normalise import normalise
from language.screen.lexicon import mask_pattern, typos

# Reading on after this many characters is pointless: nobody types a danger on page three only, and each
# rule is bounded per character, so this bounds the time.
MAX_LENGTH = 6000

_MARKS = str.maketrans(
    {
        **dict.fromkeys(",;:~()[]{}<>「」『』【】《》—-|", "，"),
        **dict.fromkeys("。!.\n…", "。"),
        "?": "？",
    }
)
_DECIMAL = re.compile(r"(?<=\d)\s*[.。]\s*(?=\d)")
_DROP = re.compile(r"[^\w、，。？%℃/·\s\x00]|_")
_LONG_SPACE = re.compile(r"(?<=[^\s，。？]{4})\s+(?=[^\s，。？]{4})")
_TWO_NUMBERS = re.compile(r"(?<=\d)\s+(?=\d)")
_SPACE = re.compile(r"\s+")
_RUN = re.compile(r"([，。？])[，。？]*")
_STUTTER = re.compile(r"([\u4e00-\u9fff])\1{2,}")


@lru_cache(maxsize=1)
def _typo_pattern() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(wrong) for wrong in sorted(typos(), key=len, reverse=True)))


@lru_cache(maxsize=4)
def prepare(text: str) -> str:
    """The text the rules run on; positions in it do not match positions in ``text``.

    The last few are kept: rules and the trained opinion ask for the same message one after the other.
    """
    plain = normalise(text[:MAX_LENGTH])
    plain = _DECIMAL.sub("\x00", plain)
    plain = _DROP.sub("", plain.translate(_MARKS))
    plain = _TWO_NUMBERS.sub("，", _LONG_SPACE.sub("，", plain))
    plain = _SPACE.sub("", plain).replace("\x00", ".")
    plain = _RUN.sub(
        lambda m: "？" if "？" in m.group() else m.group()[-1] if "。" in m.group() else "，", plain
    )
    plain = plain.replace("，。", "。")
    plain = _STUTTER.sub(r"\1\1", plain)
    plain = _typo_pattern().sub(lambda m: typos()[m.group()], plain)
    return mask_pattern().sub(lambda m: "□" * len(m.group()), plain)
