"""The always-on safety screen: is this message an emergency (120) or a mental-health crisis (12356)?"""

from language.screen.engine import SECOND_OPINION, ScreenResult, Verdict, screen
from language.screen.meaning import Ear

__all__ = ["SECOND_OPINION", "Ear", "ScreenResult", "Verdict", "screen"]
