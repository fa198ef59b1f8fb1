"""Writes `docs/settings.md` from `server.settings.Settings`.

Usage: python -m tools.settings_doc
"""

from __future__ import annotations

import typing
from pathlib import Path

from pydantic.fields import FieldInfo

from server.settings import ROOT, Settings

TARGET = ROOT / "docs" / "settings.md"

GROUPS: dict[str, tuple[str, ...]] = {
    "Where it runs": (
        "environment", "var_dir", "host", "port", "internal_port", "engine_port", "engine_url", "public_url",
        "simulators", "demo_history", "workers", "inbox_concurrency", "delivery_concurrency",
        "push_silence_minutes", "log_level",
    ),
    "Storage": ("database_url", "database_durable", "redis_url", "spool_dir"),
    "Keys": ("data_keys", "index_keys", "action_token"),
    "The hospital": ("hospital_name", "landline", "slot_days_ahead", "duty_hours", "desk_stale_minutes", "time_zone"),
    "Language": ("embedding_model",),
    "WeChat": (
        "wechat_account", "wechat_appid", "wechat_secret", "wechat_token", "wechat_aes_key", "wechat_mode",
        "wechat_account_type", "wechat_base_url", "wechat_passive_wait", "wechat_customer_messages",
        "wechat_custom_daily", "wechat_template_daily", "wechat_notices_file",
    ),
    "SMS (Alibaba Cloud)": (
        "sms_account", "sms_access_key_id", "sms_access_key_secret", "sms_sign", "sms_callback_secret",
        "sms_base_url",
    ),
    "WeCom": ("wecom_corp_id", "wecom_secret", "wecom_agent_id", "wecom_base_url"),
    "Further accounts": ("accounts_file", "allow_sending_abroad"),
    "The policy gate": (
        "gate_hours", "gate_rest_days", "gate_burden", "gate_call_for", "gate_answer_minutes", "gate_sms_per_minute",
        "gate_sms_per_day", "gate_keep_for_clinicians", "gate_keep_for_emergency",
    ),
    "Media and voice": (
        "media_dir", "media_keep_days", "media_keep_voice", "media_max_mb", "clamd", "transcriber_url",
        "transcriber_token", "transcriber_command", "transcriber_timeout",
    ),
    "First administrator": ("admin_user", "admin_password"),
    "Staff's sign-in": ("staff_totp", "staff_session_hours", "staff_idle_minutes"),
    "The hospital's single sign-on": (
        "oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_scopes", "oidc_roles_claim", "oidc_role_map",
        "oidc_second_factor",
    ),
}  # fmt: skip
"""Sections of the page. What is in none of them comes at the end: a new setting is never missing."""

UNITS = {
    "appointment_reminder_days": "days, comma-separated",
    "noshow_high": "0 to 1",
    "weather_map_file": "path of a YAML file",
    "weather_url": "URL",
    "follow_up_call_tries": "calls",
    "follow_up_word_hour": "hour, local",
    "follow_up_call_minutes": "minutes",
    "slot_days_ahead": "days",
    "queue_tell_ahead": "people",
    "wecom_agent_id": "number",
    "article_review_file": "path of a YAML file",
    "sms_part_price": "yuan",
    "insight_small_group": "people",
    "hl7_listen": "`host:port`",
    "hl7_peers": "`10.1.0.0/16,10.2.3.4`",
    "hl7_tls_certificate": "path",
    "hl7_tls_key": "path",
    "hl7_tls_authority": "path",
    "hl7_max_kb": "KB",
    "hl7_codes": "path of a YAML file",
    "port": "TCP port",
    "internal_port": "TCP port",
    "engine_port": "TCP port",
    "inbox_concurrency": "conversations",
    "delivery_concurrency": "messages",
    "push_silence_minutes": "minutes",
    "gate_hours": "`purpose,… HH:MM-HH:MM; …`",
    "gate_rest_days": "purposes, comma-separated",
    "gate_burden": "`purpose,… a day/a week; …`",
    "gate_call_for": "purposes, comma-separated",
    "gate_answer_minutes": "minutes",
    "gate_sms_per_minute": "messages",
    "gate_sms_per_day": "messages",
    "gate_keep_for_clinicians": "messages",
    "gate_keep_for_emergency": "messages",
    "time_zone": "IANA time zone",
    "duty_hours": "weekly hours, local",
    "desk_stale_minutes": "minutes",
    "his_url": "URL",
    "his_mapping": "path of a YAML file",
    "his_record_system": "URI",
    "his_timeout": "seconds",
    "his_changes_every": "seconds",
    "his_slots_every": "seconds",
    "data_keys": "`kid:base64` of 32 bytes, comma-separated",
    "index_keys": "`kid:base64` of 32 bytes, comma-separated",
    "database_url": "SQLAlchemy URL",
    "redis_url": "URL",
    "engine_url": "URL",
    "public_url": "URL",
    "wechat_base_url": "URL",
    "wechat_passive_wait": "seconds",
    "wechat_notices_file": "path",
    "questions_keep_days": "days",
    "reading_link_days": "days",
    "reading_keep_days": "days",
    "questionnaire_link_days": "days",
    "questionnaire_code_hours": "hours",
    "wechat_custom_daily": "messages",
    "wechat_template_daily": "messages",
    "spool_dir": "path",
    "sms_base_url": "URL",
    "media_keep_days": "days",
    "staff_session_hours": "hours",
    "oidc_issuer": "URL",
    "oidc_role_map": "`group=role`, comma-separated",
    "oidc_scopes": "scopes, separated by blanks",
    "staff_idle_minutes": "minutes",
    "media_max_mb": "MiB",
    "transcriber_timeout": "seconds",
    "transcriber_url": "URL",
    "host": "IP address",
    "landline": "telephone number",
    "wechat_aes_key": "43 characters, comma-separated",
    "sms_callback_secret": "24 or more characters, comma-separated",
}
"""What the value is counted or written in; other settings are told by their type."""

HEAD = """\
# Settings

<!-- Written by `python -m tools.settings_doc` from server/settings.py; a test keeps the two the same. -->

Every setting is an environment variable. None is needed for the demo: the defaults run everything on one
machine. A wrong value stops the start with a sentence that names the variable. With
`BANYI_ENVIRONMENT=production` the start is also refused while a key is missing, a vendor's secret still has
its demo value, or the simulators are on.

*Empty* means the empty text. How to use them together: [operations.md](operations.md).
"""

TAIL = """
## Set for Rasa, not by you

`./banyi run` starts Rasa with these, made from the settings above (`server/engine.py`). Only where Rasa runs
elsewhere (`BANYI_ENGINE_URL`) must they be set for it by hand:

| variable | what it is |
|---|---|
| `BANYI_SENTENCE_MODEL_DIR` | folder of the sentence model, `var/models/sentence-onnx` |
| `BANYI_ACTION_URL` | our action webhook, `http://127.0.0.1:<BANYI_INTERNAL_PORT>/webhook` |
| `BANYI_ACTION_TOKEN` | what Rasa shows there; the same value as ours |
| `BANYI_TRACKER_URL` | database of Rasa's encrypted trackers: a SQLite file of its own, or our PostgreSQL |
| `BANYI_DATA_KEYS` | as above: trackers are sealed with the same keys |

Two more are read by set-up alone: `HF_HUB_OFFLINE` (default `1`; set `0` to let a named
`BANYI_EMBEDDING_MODEL` be downloaded) and `PYENV_ROOT` (where Python 3.10 and 3.11 are looked for).
"""


def unit(name: str, info: FieldInfo) -> str:
    """What a value of the setting is written in."""
    if name in UNITS:
        return UNITS[name]
    kind = info.annotation
    if typing.get_origin(kind) is typing.Literal:
        return " / ".join(f"`{choice}`" for choice in typing.get_args(kind))
    if kind is bool:
        return "`true` / `false`"
    if kind is Path:
        return "folder"
    if kind is int:
        raise ValueError(f"{name}: say in UNITS what is counted")
    return "text"


def default(info: FieldInfo) -> str:
    """The default as it would be written in the environment."""
    value = info.default
    if isinstance(value, Path):
        shown = f"{value.relative_to(ROOT)}/ in the checkout" if value.is_relative_to(ROOT) else str(value)
        return f"`{shown.split(' ')[0]}`{shown[shown.find(' ') :] if ' ' in shown else ''}"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value != "" else "*empty*"


def render() -> str:
    """The whole page."""
    fields = Settings.model_fields
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "Other": tuple(name for name in fields if name not in grouped)}
    lines = [HEAD]
    for title, names in groups.items():
        if not names:
            continue
        lines += [
            f"\n## {title}\n",
            "| variable | default | unit or form | what it is |",
            "|---|---|---|---|",
        ]
        for name in names:
            info = fields[name]
            about = (info.description or "").replace("|", "\\|")
            lines.append(f"| `BANYI_{name.upper()}` | {default(info)} | {unit(name, info)} | {about} |")
    return "\n".join(lines) + "\n" + TAIL


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(render(), "utf-8")
    print(f"✓ {TARGET.relative_to(ROOT)}: {len(Settings.model_fields)} settings")


if __name__ == "__main__":
    main()
