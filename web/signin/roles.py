"""Groups of the hospital's sign-on, as roles of ours."""

from __future__ import annotations

from web.signin.models import Role


def parse_role_map(text: str) -> dict[str, frozenset[Role]]:
    """`group=role, group=role`; a group named twice has both. Raises `ValueError` in words for the setting."""
    found: dict[str, set[Role]] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        group, equals, role = (piece.strip() for piece in part.rpartition("="))
        if not equals or not group or role not in set(Role):
            raise ValueError(f"{part!r} is not group=role; roles are {', '.join(Role)}")
        found.setdefault(group, set()).add(Role(role))
    return {group: frozenset(roles) for group, roles in found.items()}
