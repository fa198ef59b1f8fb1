"""Staff accounts, sign-in and what a role may open."""

from web.signin.models import Role, StaffUser
from web.signin.pages import CurrentStaff, MaybeStaff, require, signin_router

__all__ = ["CurrentStaff", "MaybeStaff", "Role", "StaffUser", "require", "signin_router"]
