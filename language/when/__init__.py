"""Read dates and times as patients book: ``read("下周三下午三点半", now)``.

Everything is naive local time of the hospital; ``end`` is exclusive. Conventions (documented in ``reader``):
上午/早上 08-12, 中午 12-14, 下午 12-18, 晚上 18-24; 周三 = the next coming one (today counts), 这周三 = of
this Monday-to-Sunday week, 下周三 = of the next one; a date without a year that has passed is the next one.
"""

from language.when.holidays import Holidays
from language.when.reader import contract_row, read, refusals
from language.when.reading import Refused, When

__all__ = ["Holidays", "Refused", "When", "contract_row", "read", "refusals"]
