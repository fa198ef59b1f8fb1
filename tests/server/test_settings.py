"""A wrong setting stops the start with a sentence that names it; production refuses what everybody knows."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, load_settings

KEY = base64.b64encode(b"k" * 32).decode()
REAL = {
    "BANYI_WECHAT_SECRET": "a-real-secret",
    "BANYI_WECHAT_TOKEN": "a-real-token",
    "BANYI_WECHAT_AES_KEY": "x" * 43,
    "BANYI_SMS_ACCESS_KEY_SECRET": "another-real-secret",
    "BANYI_SMS_CALLBACK_SECRET": "a-long-and-real-callback-secret",
    "BANYI_DATA_KEYS": f"k1:{KEY}",
    "BANYI_INDEX_KEYS": f"i1:{KEY}",
    "BANYI_ACTION_TOKEN": "t" * 40,
    "BANYI_SIMULATORS": "false",
}


@pytest.fixture(autouse=True)
def var(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing of this machine's own environment, and a state folder of the test's own."""
    import os

    for name in [name for name in os.environ if name.startswith("BANYI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BANYI_VAR_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def test_the_defaults_run_the_demo(var: Path) -> None:
    settings = load_settings()
    assert settings.environment == "demo"
    assert settings.database == f"sqlite+aiosqlite:///{var / 'banyi.db'}"
    assert settings.tracker_database == f"sqlite:///{var / 'rasa-tracker.db'}"
    assert settings.engine == "http://127.0.0.1:5005"
    assert settings.base == "http://127.0.0.1:8000"


def test_addresses_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANYI_HOST", "0.0.0.0")
    monkeypatch.setenv("BANYI_PORT", "9000")
    monkeypatch.setenv("BANYI_PUBLIC_URL", "https://banyi.example/")
    monkeypatch.setenv("BANYI_DATABASE_URL", "postgresql+asyncpg://u:p%40ss@db/banyi")
    settings = load_settings()
    assert settings.loopback == "http://127.0.0.1:9000"
    assert settings.base == "https://banyi.example"
    assert settings.tracker_database == "postgresql+psycopg2://u:p%40ss@db/banyi"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BANYI_PORT", "0"),
        ("BANYI_PORT", "eight"),
        ("BANYI_ENVIRONMENT", "staging"),
        ("BANYI_LOG_LEVEL", "loud"),
        ("BANYI_INBOX_CONCURRENCY", "0"),
        ("BANYI_DUTY_HOURS", "always"),
        ("BANYI_WECHAT_MODE", "open"),
        ("BANYI_DATA_KEYS", "k1"),
        ("BANYI_DATA_KEYS", "k1:c2hvcnQ="),
        ("BANYI_INDEX_KEYS", "i1:not base64"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings().secrets  # noqa: B018
    assert name in str(caught.value)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize("name", sorted(REAL))
def test_production_refuses_each_demo_secret(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("BANYI_ENVIRONMENT", "production")
    for one, value in REAL.items():
        if one != name:
            monkeypatch.setenv(one, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_production_starts_with_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANYI_ENVIRONMENT", "production")
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    assert load_settings().environment == "production"


def test_without_the_simulators_known_secrets_are_refused_even_in_the_demo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BANYI_SIMULATORS", "false")
    with pytest.raises(SettingsError, match="BANYI_WECHAT_SECRET"):
        load_settings()


def test_secrets_are_made_once_and_only_ours_to_read(var: Path) -> None:
    first = load_settings().secrets
    again = load_settings().secrets
    assert (first.data_keys, first.action_token, first.audit_key) == (
        again.data_keys,
        again.action_token,
        again.audit_key,
    )
    assert len(first.audit_key) == 32
    assert stat.S_IMODE((var / "secrets.json").stat().st_mode) == 0o600


def test_what_is_set_wins_over_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = load_settings().secrets
    monkeypatch.setenv("BANYI_DATA_KEYS", f"new:{KEY},{made.data_keys}")
    ring = load_settings().secrets.keyring
    assert ring.current == "new"
    assert ring.open(made.keyring.seal(b"before", "c"), "c") == b"before"


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_wrong_mapping_of_the_hospitals_system_stops_the_start(tmp_path: Path) -> None:
    mapping = tmp_path / "hospital.yml"
    mapping.write_text("format: json\nbook: {path: /book}\n", "utf-8")
    for his, named in (("http", "cancel"), ("views", "schedules")):
        chosen = Settings(his=his, his_url="http://his.example", his_mapping=str(mapping))
        with pytest.raises(SettingsError, match=r"BANYI_HIS_MAPPING .*hospital\.yml") as error:
            chosen.check()
        assert named in str(error.value)
