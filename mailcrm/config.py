"""config.toml -> typed settings. Unknown keys are errors; ``load`` raises ConfigError with every fault at once.

The file ``config.toml`` at the top of the project names every key with its default and one sentence; a test holds the two together.
"""

import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mailcrm.address import domain_key
from mailcrm.mail import ConfigError
from mailcrm.workdays import OFFICE_HOURS, is_country_shape, is_hours


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as e:
        raise ValueError("is not a time zone such as Europe/Helsinki") from e
    return value


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))


def _name_server(value: str) -> str:
    """An address, with a port behind a colon; IPv6 with a port in brackets."""
    host, colon, port = value.rpartition(":")
    has_port = bool(colon) and port.isdecimal() and (value.startswith("[") or ":" not in host)
    ipaddress.ip_address((host if has_port else value).strip("[]"))
    return value


def _domain(value: str) -> str:
    key = domain_key(value)
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", key):
        raise ValueError("is not a domain")
    return key


def _clock(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("is not a time of day such as 12:00")
    return value


def _country(value: str) -> str:
    """Its shape only: which countries there are is a large package's knowledge, which ``check`` and ``serve`` ask."""
    if value and not is_country_shape(value):
        raise ValueError("is not a country such as FI, or a part of one such as DE-BY")
    return value


def _hours(value: str) -> str:
    if not is_hours(value):
        raise ValueError("are not hours such as 08:00-16:00")
    return value


def _header_map(value: dict[str, str]) -> dict[str, str]:
    """Every name a header field's, every pattern one that can be used; all that is wrong is said at once."""
    faults = [
        f"{name!r} is not the name of a header field" for name in value if not re.fullmatch(r"[A-Za-z0-9-]+", name)
    ]
    for name, pattern in value.items():
        try:
            matches_all = bool(pattern) and re.compile(pattern).match("") is not None
        except re.error as e:
            faults.append(f"{name}: {pattern!r} is not a pattern: {e}")
            continue
        if matches_all:
            faults.append(f"{name}: {pattern!r} fits every value, so that all mail with this field would be spam")
    if faults:
        raise ValueError("; ".join(faults))
    return value


Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Company(_Section):
    name: str = "Sales"
    locale: Literal["fi", "en"] = "fi"
    time_zone: Annotated[str, AfterValidator(_zone)] = "Europe/Helsinki"
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"


class Storage(_Section):
    data_dir: Path = Path("var")
    database: str = ""


class Mail(_Section):
    domains: Annotated[list[Annotated[str, AfterValidator(_domain)]], Field(min_length=1)] = ["crm.example.test"]
    notify_address: str = ""
    notify_name: str = "mailcrm"
    reply_style: Literal["plain", "plus"] = "plain"
    staff_routes: list[str] = []


class Smtp(_Section):
    host: str = "127.0.0.1"
    port: Port = 8025
    max_size_mb: Count = 35
    tls_certificate: str = ""
    tls_key: str = ""
    max_connections: Count = 400
    max_connections_per_peer: Count = 50
    max_recipients: Count = 100
    max_megabytes_in_flight: Count = 256
    timeout_seconds: Count = 300
    min_free_megabytes: Annotated[int, Field(ge=0)] = 200
    per_network_per_hour: Count = 600
    per_domain_per_hour: Count = 2000
    unknown_local_parts_per_hour: Count = 100
    null_sender_unknown_per_hour: Count = 300
    trusted_relays: list[Annotated[str, AfterValidator(_network)]] = ["127.0.0.0/8", "::1/128"]


class Imap(_Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    host: str
    port: Port = 993
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str = ""
    user: str
    password_file: str
    folder: str = "INBOX"
    move_to: str = ""
    poll_seconds: Count = 60
    envelope_headers: list[str] = ["Delivered-To", "X-Original-To", "Envelope-To"]
    authserv_ids: list[str] = []


class Relay(_Section):
    host: str = "127.0.0.1"
    port: Port = 25
    tls: Literal["none", "starttls", "tls"] = "none"
    ca_file: str = ""
    user: str = ""
    password_file: str = ""
    timeout_seconds: Count = 60
    connections: Annotated[int, Field(ge=1, le=20)] = 2
    envelope_sender: Literal["verp", "fixed"] = "verp"
    fixed_sender: str = ""


class Web(_Section):
    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str = ""
    session_days: Days = 14
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = ["127.0.0.0/8", "::1/128"]


class Security(_Section):
    authserv_ids: list[str] = []
    own_received: Annotated[int, Field(ge=0, le=10)] = 1
    verify: Literal["public", "all", "off"] = "public"
    dns_servers: list[Annotated[str, AfterValidator(_name_server)]] = []
    dns_seconds: Annotated[int, Field(ge=1, le=20)] = 4
    unproven_staff: Literal["hold", "token_is_enough"] = "hold"


class Ingest(_Section):
    own_lists: list[str] = []
    spam_headers: Annotated[dict[str, str], AfterValidator(_header_map)] = {}
    trusted_senders: list[str] = []
    max_received: Count = 30
    max_new_leads_per_address: Count = 20
    max_new_leads_per_domain: Count = 50
    max_messages_per_lead: Count = 10
    max_equal_bodies: Count = 5
    processes: Annotated[int, Field(ge=0, le=64)] = 1


class Routing(_Section):
    subject_days: Days = 30
    won_days: Days = 30
    wake_days: Days = 90
    unanswered_hours: Count = 8
    late_reply_hold: bool = True


class Notify(_Section):
    attachment_megabytes: Annotated[int, Field(ge=0)] = 10
    late_hours: Count = 4
    give_up_hours: Count = 48
    burst_seconds: Annotated[int, Field(ge=0, le=3600)] = 120
    burst_mails: Count = 10
    batch_minutes: Annotated[int, Field(ge=1, le=1440)] = 30


class Digest(_Section):
    latest: Annotated[str, AfterValidator(_clock)] = "12:00"
    holidays: Annotated[str, AfterValidator(_country)] = "FI"
    working_hours: Annotated[str, AfterValidator(_hours)] = OFFICE_HOURS
    stalled_days: Days = 14


_IN_BRACES = re.compile(r"\{[^{}]*\}")


def _acknowledgement(value: str) -> str:
    if unknown := sorted(set(_IN_BRACES.findall(value)) - {"{company}", "{subject}"}):
        raise ValueError(f"knows {{company}} and {{subject}}, not {', '.join(unknown)}")
    return value


class Acknowledge(_Section):
    enabled: bool = False
    days: Days = 30
    text_en: Annotated[str, Field(min_length=1), AfterValidator(_acknowledgement)] = (
        "Thank you for your message. It has arrived, and one of us will answer you.\n\nThis mail was sent automatically. "
        "If you want to add something, just reply to it.\n\n{company}"
    )
    text_fi: Annotated[str, AfterValidator(_acknowledgement)] = (
        "Kiitos viestistäsi. Se on tullut perille, ja joku meistä vastaa sinulle.\n\nTämä viesti lähti automaattisesti. "
        "Jos haluat lisätä jotakin, vastaa siihen.\n\n{company}"
    )
    text_sv: Annotated[str, AfterValidator(_acknowledgement)] = (
        "Tack för ditt meddelande. Det har kommit fram, och någon av oss svarar dig.\n\nDet här meddelandet skickades "
        "automatiskt. Om du vill lägga till något, svara på det.\n\n{company}"
    )

    @property
    def texts(self) -> dict[str, str]:
        """By language; one without a text is not there."""
        texts = {"en": self.text_en, "fi": self.text_fi, "sv": self.text_sv}
        return {language: text for language, text in texts.items() if text.strip()}


class Retention(_Section):
    raw_days: Days = 180
    quiet_days: Days = 30
    triage_days: Days = 30
    buried_days: Days = 90
    sent_days: Days = 90


class Config(_Section):
    """The whole configuration. ``base`` is the folder that relative paths start from."""

    company: Company = Company()
    storage: Storage = Storage()
    mail: Mail = Mail()
    smtp: Smtp = Smtp()
    imap: list[Imap] = []
    relay: Relay = Relay()
    web: Web = Web()
    security: Security = Security()
    ingest: Ingest = Ingest()
    routing: Routing = Routing()
    notify: Notify = Notify()
    digest: Digest = Digest()
    acknowledge: Acknowledge = Acknowledge()
    retention: Retention = Retention()
    base: Path = Field(default=Path("."), exclude=True)

    @property
    def data_dir(self) -> Path:
        return (self.base / self.storage.data_dir).resolve()

    @property
    def database_url(self) -> str:
        """The database as an SQLAlchemy URL; psycopg 3 also for a plain postgresql:// one."""
        url = self.storage.database
        if not url:
            return f"sqlite:///{self.data_dir / 'mailcrm.sqlite'}"
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)

    @property
    def notify_address(self) -> str:
        return self.mail.notify_address or f"notify@{self.mail.domains[0]}"

    @property
    def public_url(self) -> str:
        """Base of links in mails, without a slash at the end."""
        return (self.web.public_url or f"http://{self.web.host}:{self.web.port}").rstrip("/")

    def path(self, value: str) -> Path:
        """A configured path, made absolute."""
        return (self.base / value).resolve()


def load(path: Path) -> Config:
    """Read the file at ``path``; raises ConfigError listing every fault."""
    return _without_fault(read(path))


def from_mapping(data: Mapping[str, Any], base: Path) -> Config:
    """Settings from already read TOML; raises ConfigError listing every fault."""
    return _without_fault(_understood(data, base))


@dataclass(frozen=True, slots=True)
class Understood:
    """The settings as far as they can be understood, every fault, and the keys that were left out for one."""

    config: Config
    faults: list[str]
    left_out: frozenset[str] = frozenset()

    def knows(self, *keys: str) -> bool:
        """Whether all these keys or sections are as the file says."""
        return not any(left.startswith(key) for key in keys for left in self.left_out)


def read(path: Path) -> Understood:
    """What can be understood of the file at ``path``; ConfigError if it is no TOML."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as e:
        raise ConfigError([f"{path} cannot be read: {e.strerror}"]) from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError([f"{path} is not TOML: {e}"]) from e
    return _understood(data, path.resolve().parent)


def _without_fault(understood: Understood) -> Config:
    if understood.faults:
        raise ConfigError(understood.faults)
    return understood.config


def _understood(data: Mapping[str, Any], base: Path) -> Understood:
    """Faulty keys are left out and the rest read again, so that a fault of one kind does not hide those of another."""
    faults = ["base: unknown key"] if "base" in data else []
    rest = {key: deepcopy(value) for key, value in data.items() if key != "base"}
    config, errors = _tried(rest, base)
    faults += [_fault(error) for error in errors]  # those of a later pass come from leaving out
    left_out: frozenset[str] = frozenset()
    while config is None:
        places = [error["loc"] for error in errors]
        if left_out.issuperset(map(_dotted, places)):
            raise ConfigError(faults)
        left_out |= set(map(_dotted, places))
        rest = _without(rest, places)
        config, errors = _tried(rest, base)
    faults += [fault for fault in _cross_faults(config) if not any(key in fault for key in left_out)]
    return Understood(config, faults, left_out)


def _tried(data: Mapping[str, Any], base: Path) -> tuple[Config | None, list[dict[str, Any]]]:
    try:
        return Config.model_validate({**data, "base": base}), []
    except ValidationError as e:
        return None, [dict(error) for error in e.errors()]


_GONE = object()


def _without(data: dict[str, Any], places: Sequence[tuple[int | str, ...]]) -> dict[str, Any]:
    for place in places:
        _leave_out(data, place)
    kept: dict[str, Any] = _tidy(data)
    return kept


def _leave_out(data: Any, place: tuple[int | str, ...]) -> None:
    """Take away what stands at the place; where a key is missing, what it is missing in."""
    *way, last = place
    holder = data
    for part in way:
        holder = holder[part]
        if holder is _GONE:
            return
    if isinstance(holder, dict) and last not in holder:
        _leave_out(data, tuple(way))
    else:
        holder[last] = _GONE


def _tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tidy(inner) for key, inner in value.items() if inner is not _GONE}
    if isinstance(value, list):
        return [_tidy(inner) for inner in value if inner is not _GONE]
    return value


def _fault(error: dict[str, Any]) -> str:
    where = _dotted(error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said} (got {error['input']!r})"


def _dotted(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place)


def _cross_faults(config: Config) -> list[str]:
    faults = []
    if bool(config.smtp.tls_certificate) != bool(config.smtp.tls_key):
        faults.append("smtp.tls_certificate and smtp.tls_key: give both or neither")
    if config.relay.envelope_sender == "fixed" and not config.relay.fixed_sender:
        faults.append('relay.fixed_sender: required with envelope_sender = "fixed"')
    if config.web.public_url and not re.match(r"https?://[^/\s]+", config.web.public_url):
        faults.append("web.public_url: must begin with http:// or https://")
    names = [account.name for account in config.imap]
    faults.extend(f"imap: the name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1}))
    for key, value in _named_files(config).items():
        if value and not config.path(value).is_file():
            faults.append(f"{key}: the file {config.path(value)} cannot be read")
    return faults


def _named_files(config: Config) -> dict[str, str]:
    files = {"relay.password_file": config.relay.password_file, "relay.ca_file": config.relay.ca_file}
    files |= {f"imap.{account.name}.password_file": account.password_file for account in config.imap}
    files |= {f"imap.{account.name}.ca_file": account.ca_file for account in config.imap}
    files |= {"smtp.tls_certificate": config.smtp.tls_certificate, "smtp.tls_key": config.smtp.tls_key}
    return files
