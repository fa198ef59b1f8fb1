"""Many patients put into a plan at once: those of an audience."""

from care.plans.paths import SEED
from web.words import Words

joining_words = Words(SEED / "plan_joining_words.yml")
