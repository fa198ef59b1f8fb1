from tests.care.alerts.ward import ward

__all__ = ["ward"]
