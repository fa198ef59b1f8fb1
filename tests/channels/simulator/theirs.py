"""wechatpy's own client, turned towards the simulator."""

from __future__ import annotations

from typing import Any

from wechatpy import WeChatClient as TheirClient

from channels.simulator.wechat_rules import SimWeChatConfig


def their_client(sim_url: str, config: SimWeChatConfig) -> Any:
    """Not ours: what it reads without an error is the vendor's shape. It blocks; call it in a thread."""
    base = f"{sim_url}/cgi-bin/"

    class Theirs(TheirClient):  # type: ignore[misc]
        API_BASE_URL = base

        def fetch_access_token(self) -> Any:
            return self._fetch_access_token(
                url=f"{base}token",
                params={"grant_type": "client_credential", "appid": self.appid, "secret": self.secret},
            )

    return Theirs(config.appid, config.secret, auto_retry=False, timeout=5)
