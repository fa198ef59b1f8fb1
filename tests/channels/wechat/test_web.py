"""Web sign-in and the JS-SDK's signature, against the simulator."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import aiohttp

from channels.wechat.errors import VendorError
from channels.wechat.web import SignedIn, authorize_url, js_signature, sign_in
from tests.channels.simulator.test_wechat_line import CONFIG, line


def test_js_signature_of_the_documentations_example() -> None:
    """https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/JS-SDK.html, appendix 1."""
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value"
    wanted = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
    assert js_signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, url) == wanted
    assert js_signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, url + "#part") == wanted


async def test_sign_in_round_trip() -> None:
    async with line(replace(CONFIG, snapshot_users=("o2",)), open_url="http://replaced") as wired:
        account = replace(wired.client.account, open_url=wired.sim_url)
        page = "https://h5.example.cn/bind?a=1&b=二"
        found = []
        async with aiohttp.ClientSession() as browser:
            for openid in ("o1", "o2"):
                url = authorize_url(account, page, "state-1").replace("#wechat_redirect", f"&openid={openid}")
                async with browser.get(url, allow_redirects=False) as response:
                    back = urlsplit(response.headers["Location"])
                query = parse_qs(back.query)
                assert (query["a"], query["b"], query["state"]) == (["1"], ["二"], ["state-1"])
                found.append(await sign_in(wired.client, query["code"][0]))
                again = await sign_in(wired.client, query["code"][0])
                assert isinstance(again, VendorError)
                assert again.code == 40163
        assert found == [SignedIn("o1", "snsapi_base"), SignedIn("o2", "snsapi_base", snapshot=True)]
        ticket = await wired.client.js_ticket()
        assert isinstance(ticket, dict)
        assert ticket["expires_in"] == 7200
