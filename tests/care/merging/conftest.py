"""The ward of the plans' tests: its people have a WeChat, consents, plans and questionnaires."""

from tests.care.plans.conftest import ward

__all__ = ["ward"]
