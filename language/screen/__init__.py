"""The always-on safety screen: is this message an emergency (120) or a mental-health crisis (12356)?"""

from language.screen.engine import ScreenResult, Verdict, screen
from language.screen.meaning import Ear

__all__ = ["Ear", "ScreenResult", "Verdict", "screen"]
