"""Every setting, from the environment (`BANYI_…`). docs/settings.md lists them; a test keeps the two the same."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from filelock import FileLock
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

from care.appointments.coming.leads import read as read_leads
from care.desk.hours import DutyHours
from care.gate.rules import (
    DEFAULT_BURDEN,
    DEFAULT_CALL_FOR,
    DEFAULT_HOURS,
    DEFAULT_REST_DAYS,
    GateRules,
    parse_burden,
    parse_hours,
    parse_purposes,
)
from store.crypto import Keyring

ROOT = Path(__file__).parents[1]
DEMO_WECHAT_SECRET = "demo-secret"  # noqa: S105  refused wherever a real vendor is
DEMO_SECRETS = (
    "wechat_secret",
    "wechat_token",
    "wechat_aes_key",
    "sms_access_key_secret",
    "sms_callback_secret",
)
"""Settings whose default everybody knows; no account with a real vendor may bear one of these values."""


class SettingsError(RuntimeError):
    """A setting is wrong; the message is one sentence that names it and says what to do."""


class Settings(BaseSettings):
    """Defaults run the embedded demo on one machine."""

    model_config = SettingsConfigDict(env_prefix="BANYI_", extra="ignore")

    environment: Literal["demo", "production"] = Field("demo", description="production refuses demo secrets")
    var_dir: Path = Field(ROOT / "var", description="folder of all state: database, models, spool, secrets")
    host: str = Field("127.0.0.1", description="address the pages and callbacks listen on")
    port: int = Field(8000, description="port of pages and callbacks", ge=1, le=65535)
    spool_dir: str = Field(
        "spool",
        description="lasting folder (in var_dir, or absolute) for callbacks while the database is away; empty: none, they are "
        "not acknowledged then",
    )
    internal_port: int = Field(
        8001, description="loopback port where the engine calls the actions", ge=1, le=65535
    )
    engine_port: int = Field(5005, description="loopback port of Rasa", ge=1, le=65535)
    engine_url: str = Field("", description="Rasa's URL when it runs elsewhere; empty: on engine_port here")
    public_url: str = Field("", description="how the world reaches us; empty: http://host:port")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in var_dir")
    database_durable: bool = Field(
        False, description="SQLite only: sync the disk at each commit (survives power loss)"
    )
    redis_url: str = Field(
        "", description="Redis for shared rate limits and the token lock; empty: in this process"
    )
    time_zone: str = Field("Asia/Shanghai", description="the hospital's one time zone")
    data_keys: str = Field(
        "", description="data keys, kid:base64(32 bytes), comma-separated, current first; empty: generated"
    )
    index_keys: str = Field("", description="keys of look-up hashes, same form; empty: generated")
    action_token: str = Field("", description="what Rasa shows at the action webhook; empty: generated")
    embedding_model: str = Field(
        "", description="a SentenceTransformer's name or folder instead of the bundled one"
    )
    hospital_name: str = Field("云江市示范医院", description="the hospital's name in messages and pages")
    landline: str = Field("0571-00000000", description="the number every SMS names")
    slot_days_ahead: int = Field(14, ge=1, le=366, description="so many days ahead clinics can be booked")
    duty_hours: str = Field(
        "Mon-Sun 08:00-17:30",
        description="when people are at the desk, local: Mon-Fri 08:00-12:00 13:30-17:30; Sat …",
    )
    desk_stale_minutes: int = Field(
        30,
        ge=1,
        description="A conversation a person has taken and not answered for so long goes back to the bot; the patient is told",
    )
    questionnaire_chase_days: str = Field(
        "1,3,7",
        pattern=r"^\d+(\.\d+)?(,\d+(\.\d+)?)*$",
        description="Days after which an assigned questionnaire that is not finished is reminded of",
    )
    follow_up_call_tries: int = Field(
        3,
        ge=1,
        le=10,
        description="Follow-up calls nobody answers, each on another half-day, before the patient counts as unreachable",
    )
    follow_up_word_hour: int = Field(
        8,
        ge=7,
        le=20,
        description="From this hour of a working day on doctors are told, once, how many patients of theirs have become overdue",
    )
    follow_up_call_minutes: float = Field(
        6.0,
        gt=0,
        le=120,
        description="What a follow-up call takes, for the forecast of nurses' hours, until thirty calls have been measured",
    )
    greetings: str = Field(
        "",
        description="What is greeted for, comma-separated: spring, mid_autumn, double_ninth, birthday; only who agreed to such messages",
    )
    weather_url: str = Field(
        "", description="HTTP address of the hospital's source of weather and air warnings"
    )
    weather_map_file: str = Field("", description="YAML file that explains its answers (docs/reminders.md)")
    ask_after_visit_hours: float = Field(
        2.0,
        ge=0,
        le=72,
        description="So long after a visit the patient is asked how it was (who agreed to surveys, once in 30 days); 0: not at all",
    )
    simulators: bool = Field(
        True, description="run the simulators of WeChat and SMS, and the page with both phones"
    )
    demo_history: bool = Field(
        True, description="give the demo a year of visits and care plans under way when it first starts"
    )
    his: Literal["embedded", "fhir", "views", "http", "hl7"] = Field(
        "embedded",
        description="the hospital's booking system (docs/hospital-systems.md); embedded: our own rows are the truth",
    )
    his_url: str = Field(
        "",
        description="where it is: the FHIR server's root, the SQLAlchemy URL of the views, the HTTP service's root, mllp://host:port/APP/FACILITY",
    )
    his_token: str = Field("", description="bearer token for it; empty: none is shown")
    his_mapping: str = Field(
        "", description="the mapping of views or HTTP messages (YAML, docs/hospital-systems.md); empty: none"
    )
    his_record_system: str = Field(
        "urn:hospital:record-number",
        description="FHIR only: naming system of the patients' record numbers there",
    )
    his_timeout: float = Field(10.0, description="longest wait for one answer of it", gt=0, le=120)
    his_changes_every: float = Field(
        15.0, description="seconds between two looks at what it changed", ge=1, le=3600
    )
    his_slots_every: float = Field(
        120.0, description="seconds between two readings of its times", ge=5, le=86400
    )
    workers: bool = Field(
        True, description="run the inbox and delivery workers inside this application process"
    )
    inbox_concurrency: int = Field(16, description="conversations handled at once", ge=1)
    push_silence_minutes: int = Field(
        30,
        description="minutes without a vendor's push after which the delivery page compares with what is usual",
        ge=1,
    )
    delivery_concurrency: int = Field(64, description="messages handed to vendors at once", ge=1)
    gate_hours: str = Field(
        DEFAULT_HOURS, description="when each purpose may be sent, local; marketing never outside 08:00-22:00"
    )
    gate_rest_days: str = Field(
        DEFAULT_REST_DAYS,
        description="purposes that wait for a working day (weekends, public holidays; 调休 counts)",
    )
    gate_burden: str = Field(
        DEFAULT_BURDEN,
        description="most a person gets of a purpose: a day/a week, rolling, over all departments",
    )
    gate_call_for: str = Field(
        DEFAULT_CALL_FOR, description="purposes for which a nurse rings up when nothing reaches the person"
    )
    gate_answer_minutes: int = Field(
        10,
        description="minutes after a patient's message in which an answer passes hours, caps and mute",
        ge=1,
    )
    gate_sms_per_minute: int = Field(1, description="own cap of one number, beneath the vendor's", ge=1)
    gate_sms_per_day: int = Field(10, description="own cap of one number, beneath the vendor's", ge=1)
    gate_keep_for_clinicians: int = Field(
        1, description="customer messages of WeChat's 48-hour window kept for clinicians", ge=0, le=2
    )
    gate_keep_for_emergency: int = Field(
        1, description="customer messages of WeChat's 48-hour window kept for emergencies", ge=0, le=2
    )
    wechat_account: str = Field("hospital", description="our name of the account, in the path /wx/{account}")
    wechat_appid: str = Field("wxba0000000000demo", description="AppID of the official account")
    wechat_secret: str = Field(DEMO_WECHAT_SECRET, description="AppSecret")
    wechat_token: str = Field("demo-token", description="callback token(s), comma-separated, current first")
    wechat_aes_key: str = Field(
        "demo0demo0demo0demo0demo0demo0demo0demo0dem",
        description="EncodingAESKey(s), 43 characters, current first",
    )
    wechat_mode: Literal["plain", "compat", "safe"] = Field(
        "safe", description="message mode set in the console"
    )
    wechat_account_type: Literal["service", "subscription", "test"] = Field(
        "service", description="kind of account"
    )
    wechat_passive_wait: float = Field(
        0.0,
        description="seconds a callback waits for its answer to go back passively; 4 without customer messages, 0: never",
        ge=0,
        le=4.5,
    )
    wechat_customer_messages: bool = Field(
        True, description="whether the account may send customer-service messages (verified accounts)"
    )
    wechat_custom_daily: int = Field(
        500_000, description="customer messages a day WeChat allows; a test account has a tenth", ge=1
    )
    wechat_template_daily: int = Field(
        100_000, description="template messages a day WeChat allows; more with many followers", ge=1
    )
    wechat_notices_file: Path | None = Field(
        None,
        description="JSON with the accounts' own notice template ids; empty: no notices with a real account",
    )
    wechat_base_url: str = Field(
        "", description="WeChat's API; empty: the simulator, or the real one without it"
    )
    sms_account: str = Field("aliyun", description="our name of the SMS account")
    sms_access_key_id: str = Field("demo-access-key-id", description="AccessKey ID")
    sms_access_key_secret: str = Field("demo-access-key-secret", description="AccessKey secret")
    sms_sign: str = Field("云江示范医院", description="the approved signature, without 【】")
    sms_callback_secret: str = Field(
        "demo-callback-secret-0123456789",
        description="the secret part of the SMS callback path, 24 characters or more",
    )
    sms_base_url: str = Field("", description="the SMS API; empty: the simulator, or the real one without it")
    wecom_corp_id: str = Field(
        "",
        description="the hospital's WeCom (企业微信), for word to staff; empty: the simulator, or none without it",
    )
    wecom_secret: str = Field("", description="secret of the hospital's application there")
    wecom_agent_id: int = Field(0, description="number of the application (AgentId)", ge=0)
    wecom_base_url: str = Field("", description="WeCom's API; empty: the real one")
    accounts_file: str = Field(
        "", description="JSON file of further WeChat and SMS accounts (docs/operations.md); empty: none"
    )
    allow_sending_abroad: bool = Field(
        False, description="allow SMS vendors outside China (Twilio): health data would leave the country"
    )
    media_dir: str = Field("", description="folder of patients' media, sealed; empty: media in var_dir")
    media_keep_days: int = Field(
        30, description="how long pictures, videos and unheard voices are kept", ge=1, le=3650
    )
    media_keep_voice: bool = Field(
        False, description="keep a voice after it was written down; else it is deleted then"
    )
    media_max_mb: int = Field(
        20, description="largest medium that is kept; WeChat's own limit is 10 MB (unconfirmed)", ge=1, le=200
    )
    clamd: str = Field(
        "", description="clamd that scans media, host:port or unix:/path; empty: none are scanned"
    )
    transcriber_url: str = Field(
        "", description="the hospital's speech-to-text service (docs/operations.md); empty: patients type"
    )
    transcriber_token: str = Field("", description="bearer token for it; empty: none is shown")
    transcriber_command: str = Field(
        "", description="a local speech-to-text program instead (docs/operations.md); empty: none"
    )
    transcriber_timeout: float = Field(20.0, description="longest wait for one transcript", gt=0, le=60)
    appointment_reminder_days: str = Field(
        "3,1",
        description="days before a visit its reminders go, at most three; departments may have their own",
    )
    queue_tell_ahead: int = Field(
        2,
        description="who has at most so many people before them in a queue is told to come to the waiting area",
        ge=0,
        le=20,
    )
    noshow_model: bool = Field(
        True,
        description="use the no-show model where its calibration is good (docs/no-show.md); false: never score a visit",
    )
    noshow_high: float = Field(
        0.25, description="from this chance of being missed on a visit is asked about earlier", gt=0, lt=1
    )
    questions_keep_days: int = Field(
        180,
        description="how long a question without a good answer is kept after it was last asked",
        ge=1,
        le=3650,
    )
    article_review_file: str = Field(
        "",
        description="the hospital's review stages for articles (YAML); empty: data/seed/article_review.yml",
    )
    reading_link_days: int = Field(
        90, description="how long a patient's link to an article is good", ge=1, le=730
    )
    reading_keep_days: int = Field(
        730, description="how long it is kept what patients were sent and read", ge=30, le=3650
    )
    questionnaire_link_days: int = Field(
        14, description="how long a patient's link to a questionnaire is good", ge=1, le=180
    )
    questionnaire_code_hours: int = Field(
        72, description="how long the six digits that open a questionnaire can be typed", ge=1, le=720
    )
    insight_small_group: int = Field(
        10,
        description="numbers of fewer people than this are not shown in figures and reports",
        ge=2,
        le=100,
    )
    sms_part_price: float = Field(
        0.045,
        description="what one part of an SMS costs, in yuan, for the editors' estimate; from the vendor's contract",
        ge=0,
    )
    admin_user: str = Field("admin", description="first administrator, made when there is no staff")
    admin_password: str = Field(
        "", description="password of the first administrator; empty: generated and shown once"
    )
    staff_totp: Literal["auto", "required", "offered", "off"] = Field(
        "auto",
        description="second factor of staff who see patients; auto: offered in the demo, required in production",
    )
    staff_session_hours: int = Field(12, description="longest sign-in of staff, however busy", ge=1, le=24)
    staff_idle_minutes: int = Field(
        30, description="staff who do nothing for so long are signed out", ge=2, le=720
    )
    oidc_issuer: str = Field(
        "", description="issuer of the hospital's single sign-on (OpenID Connect); empty: local accounts only"
    )
    oidc_client_id: str = Field("", description="our client id there")
    oidc_client_secret: str = Field("", description="our client secret there; empty: a public client")
    oidc_scopes: str = Field("openid profile email", description="what is asked of it")
    oidc_roles_claim: str = Field(
        "groups", description="claim with somebody's groups; dots lead inwards: realm_access.roles"
    )
    oidc_role_map: str = Field(
        "", description="group=role, …: what a group may do here; who is in none of them is not let in"
    )
    oidc_second_factor: bool = Field(
        False, description="ask for our second factor after the hospital's sign-on as well"
    )
    hl7_listen: str = Field(
        "",
        pattern=r"^$|^\S+:\d{1,5}$",
        description="address HL7 v2 messages are taken at (MLLP); empty: none are",
    )
    hl7_peers: str = Field(
        "", description="networks whose systems may speak there; empty: whoever reaches the address"
    )
    hl7_tls_certificate: str = Field("", description="certificate (PEM) of that address; empty: without TLS")
    hl7_tls_key: str = Field("", description="its private key (PEM); empty: in the same file")
    hl7_tls_authority: str = Field(
        "", description="who signs the senders' certificates (PEM); empty: none is asked for"
    )
    hl7_max_kb: int = Field(2048, description="largest HL7 message", ge=16, le=65536)
    hl7_codes: str = Field("", description="the hospital's codes over data/seed/hl7.yml; empty: none")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged"
    )

    @field_validator("duty_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        DutyHours.parse(value)
        return value

    @field_validator("appointment_reminder_days")
    @classmethod
    def _reminder_days(cls, value: str) -> str:
        read_leads(value)
        return value

    @field_validator("oidc_role_map")
    @classmethod
    def _role_map(cls, value: str) -> str:
        if value:
            from web.signin.roles import parse_role_map

            parse_role_map(value)
        return value

    @field_validator("gate_hours", "gate_rest_days", "gate_burden", "gate_call_for")
    @classmethod
    def _gate(cls, value: str, info: ValidationInfo) -> str:
        readers: dict[str, Callable[[str], object]] = {
            "gate_hours": parse_hours,
            "gate_burden": parse_burden,
        }
        readers.get(str(info.field_name), parse_purposes)(value)
        return value

    @property
    def gate(self) -> GateRules:
        """The policy gate's numbers."""
        return GateRules(
            zone=ZoneInfo(self.time_zone),
            hours=parse_hours(self.gate_hours),
            rest_days=parse_purposes(self.gate_rest_days),
            burden=parse_burden(self.gate_burden),
            sms_per_minute=self.gate_sms_per_minute,
            sms_per_day=self.gate_sms_per_day,
            answer_within=timedelta(minutes=self.gate_answer_minutes),
            kept_for_clinicians=self.gate_keep_for_clinicians,
            kept_for_emergency=self.gate_keep_for_emergency,
            call_for=parse_purposes(self.gate_call_for),
        )

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.var_dir / 'banyi.db'}"

    @property
    def tracker_database(self) -> str:
        """Rasa's side: a file of its own on SQLite (two writers in one file wait for each other), else the same database."""
        url = make_url(self.database)
        if url.get_backend_name() == "sqlite":
            return f"sqlite:///{self.var_dir / 'rasa-tracker.db'}"
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)

    @property
    def engine(self) -> str:
        return self.engine_url or f"http://127.0.0.1:{self.engine_port}"

    @property
    def base(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def loopback(self) -> str:
        """How processes on this machine reach the application."""
        everywhere = ("0.0.0.0", "::")  # noqa: S104
        host = "127.0.0.1" if self.host in everywhere else self.host
        return f"http://{host}:{self.port}"

    @property
    def media(self) -> Path:
        return Path(self.media_dir) if self.media_dir else self.var_dir / "media"

    @property
    def spool(self) -> Path | None:
        """Where callbacks wait while the database is away; None: nowhere."""
        return self.var_dir / self.spool_dir if self.spool_dir else None

    @property
    def models(self) -> Path:
        return self.var_dir / "models"

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets.load(self)

    def check(self) -> None:
        """Raises `SettingsError` when this must not start."""
        if self.oidc_issuer:
            local = urlsplit(self.oidc_issuer).hostname in ("127.0.0.1", "localhost")
            if not self.oidc_issuer.startswith("https://") and not local:
                raise SettingsError("BANYI_OIDC_ISSUER must be an https:// address.")
            if not self.oidc_client_id or not self.oidc_role_map:
                raise SettingsError(
                    "BANYI_OIDC_ISSUER also needs BANYI_OIDC_CLIENT_ID and BANYI_OIDC_ROLE_MAP."
                )
        if self.his != "embedded" and not self.his_url:
            raise SettingsError(f"BANYI_HIS={self.his} also needs BANYI_HIS_URL.")
        if self.his in ("views", "http") and not self.his_mapping:
            raise SettingsError(f"BANYI_HIS={self.his} also needs BANYI_HIS_MAPPING, a file.")
        if self.his in ("views", "http"):
            from care.systems.mapped.reading import MappingError, check_mapping

            try:
                check_mapping(self.his, self.his_mapping)
            except MappingError as error:
                raise SettingsError(str(error)) from error
        if self.wecom_corp_id and not (self.wecom_secret and self.wecom_agent_id):
            raise SettingsError("BANYI_WECOM_CORP_ID also needs BANYI_WECOM_SECRET and BANYI_WECOM_AGENT_ID.")
        if self.environment == "production" or not self.simulators:
            # Without the simulators the callbacks are the world's: known secrets would let anybody speak as a vendor.
            demo = [
                name
                for name, field in type(self).model_fields.items()
                if name in DEMO_SECRETS and getattr(self, name) == field.default
            ]
            production = self.environment == "production"
            needed = ("data_keys", "index_keys", "action_token") if production else ()
            missing = [name for name in needed if not getattr(self, name)]
            lax = production and self.staff_totp in ("offered", "off")
            if demo or missing or lax or (production and self.simulators):
                what = [f"BANYI_{name.upper()} still has its demo value" for name in demo]
                what += [f"BANYI_{name.upper()} is not set" for name in missing]
                what += (
                    ["BANYI_SIMULATORS must be false in production"] if production and self.simulators else []
                )
                what += ["BANYI_STAFF_TOTP must be required in production"] if lax else []
                raise SettingsError("this does not start with real vendors: " + "; ".join(what) + ".")


class Secrets:
    """Keys from the settings, or made once and kept in `var_dir/secrets.json` (mode 600)."""

    def __init__(self, data_keys: str, index_keys: str, action_token: str, audit_key: str) -> None:
        self.data_keys = data_keys
        self.action_token = action_token
        self.audit_key = base64.b64decode(audit_key)
        data, index = _parse_keys("BANYI_DATA_KEYS", data_keys), _parse_keys("BANYI_INDEX_KEYS", index_keys)
        self.keyring = Keyring(data, next(iter(data)), index, next(iter(index)))

    @classmethod
    def load(cls, settings: Settings) -> Secrets:
        path = settings.var_dir / "secrets.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(
            path.with_suffix(".lock"), timeout=30
        ):  # two first starts at once must not make two keys
            made = cls._made(path)
        return cls(
            settings.data_keys or made["data_keys"],
            settings.index_keys or made["index_keys"],
            settings.action_token or made["action_token"],
            made["audit_key"],
        )

    @staticmethod
    def _made(path: Path) -> dict[str, str]:
        """What the file holds, after adding what it lacks."""
        made: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = {
            "data_keys": lambda: f"k1:{_random_key()}",
            "index_keys": lambda: f"i1:{_random_key()}",
            "action_token": lambda: secrets.token_urlsafe(32),
            "audit_key": _random_key,
        }
        fresh = {name: make() for name, make in wanted.items() if name not in made}
        if fresh:
            made |= fresh
            part = path.with_suffix(".part")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(made, file, indent=1)
                file.flush()
                os.fsync(file.fileno())  # what these keys sealed is lost with them
            part.replace(path)
        return made


def _random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _parse_keys(name: str, text: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        kid, colon, value = part.strip().partition(":")
        try:
            key = base64.b64decode(value, validate=True)
        except ValueError:
            key = b""
        if not colon or not kid or len(key) != 32:
            raise SettingsError(
                f"{name} must be kid:base64 of 32 bytes, comma-separated; {kid or 'a part'} is not."
            )
        keys[kid] = key
    return keys


def load_settings() -> Settings:
    """Read and check. Raises `SettingsError` with one sentence a setting."""
    try:
        settings = Settings()
    except ValidationError as error:
        said = [
            f"BANYI_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg'].lower()} (got {problem['input']!r})"
            for problem in error.errors()
        ]
        raise SettingsError("; ".join(said) + ". See docs/settings.md.") from error
    settings.check()
    return settings
