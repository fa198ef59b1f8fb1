"""Several accounts from a file: what is wrong with it is said by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.accounts import read_accounts
from server.settings import Settings, SettingsError

SECOND = {
    "account_id": "campus-east",
    "appid": "wxeast",
    "secret": "east-secret",
    "tokens": ["east-token", "old-token"],
    "aes_keys": ["e" * 43],
}


def settings_with(folder: Path, given: Any) -> Settings:
    path = folder / "accounts.json"
    path.write_text(given if isinstance(given, str) else json.dumps(given))
    return Settings(var_dir=folder, accounts_file=str(path))


def test_further_accounts_stand_beside_the_settings_own(tmp_path: Path) -> None:
    accounts = read_accounts(settings_with(tmp_path, {"wechat": [SECOND]}))
    assert list(accounts.wechat) == ["hospital", "campus-east"]
    assert accounts.wechat["campus-east"].tokens == ("east-token", "old-token")
    assert accounts.sms_default in accounts.sms


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{not json", "cannot be read as JSON"),
        ({"wecat": []}, "unknown part wecat"),
        ({"wechat": ["x"]}, "every entry of wechat must be an object"),
        ({"wechat": [{**SECOND, "colour": "red"}]}, "account campus-east has unknown fields colour"),
        ({"wechat": [{**SECOND, "aes_keys": []}]}, "account campus-east"),
        ({"wechat": [{"account_id": "half"}]}, "account half"),
        ({"wechat": [SECOND, SECOND]}, "campus-east is there twice"),
        ({"wechat": [{**SECOND, "account_id": "hospital"}]}, "hospital is there twice"),
    ],
)
def test_a_wrong_file_names_what_is_wrong(tmp_path: Path, given: Any, said: str) -> None:
    with pytest.raises(SettingsError, match="BANYI_ACCOUNTS_FILE") as raised:
        read_accounts(settings_with(tmp_path, given))
    assert said in str(raised.value)


def test_secrets_do_not_show(tmp_path: Path) -> None:
    shown = repr(read_accounts(settings_with(tmp_path, {"wechat": [SECOND]})))
    assert "east-secret" not in shown and "east-token" not in shown
