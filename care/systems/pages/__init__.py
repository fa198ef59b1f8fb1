"""`/ops/systems`: how the hospital's systems are, what waits for an answer, where they and we disagree."""

from care.systems.pages.routes import SystemsDesk, systems_router

__all__ = ["SystemsDesk", "systems_router"]
