"""The numbers and choices of sign-in, set once by the composition root (`app.state.sign_in_rules`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from fastapi import FastAPI

from web.signin.models import SEES_PATIENTS, StaffUser, Stage

IDLE = timedelta(minutes=30)
Totp = Literal["required", "offered", "off"]


@dataclass(frozen=True, slots=True)
class SignInRules:
    """`totp`: whether roles that see patients must have a second factor. `lasts`: a session's end, however busy;
    `idle`: its end when nobody did anything. `oidc_second_factor`: ours is asked also after the hospital's sign-on.
    """

    totp: Totp = "offered"
    lasts: timedelta = timedelta(hours=12)
    idle: timedelta = IDLE
    oidc_second_factor: bool = False

    def totp_needed(self, user: StaffUser) -> bool:
        """Whether `user` may not do without a second factor."""
        return self.totp == "required" and bool(SEES_PATIENTS & set(user.roles))

    def stage(self, user: StaffUser, way: str, after: Stage | None = None) -> Stage:
        """What is still to be done before `user`, who came by `way`, is signed in; `after`: the step just done."""
        ours = way == "password"
        second = self.totp != "off" and (ours or (way == "oidc" and self.oidc_second_factor))
        wanted = {
            Stage.CODE: second and user.totp_since is not None,
            Stage.PASSWORD: ours and user.must_change_password,
            Stage.ENROL: second and user.totp_since is None and self.totp_needed(user),
            Stage.FULL: True,
        }
        order = list(wanted)
        left = order[order.index(after) + 1 :] if after is not None else order
        return next(stage for stage in left if wanted[stage])


def rules_of(app: FastAPI) -> SignInRules:
    """The app's rules, or the defaults."""
    rules: SignInRules = getattr(app.state, "sign_in_rules", None) or SignInRules()
    return rules
