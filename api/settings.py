"""Every setting of the product, read once from the environment and ``.env``, checked, and explained when wrong.

The standard library only: the supervisor, which must stay small, reads settings too. A message about a wrong
setting names it and says what it should look like, and never shows its value, which may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qs, urlsplit

COUNTRIES = ("JO", "QA", "BH", "AE")
"""Countries with a pathway; ``HAMS_COUNTRY_DEFAULT`` may also be ``XX``, unknown."""

TWILIO_API = "https://api.twilio.com"
NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens: a practice world whose stand-in is not named reaches no provider at all."""
DEFAULT_PORT = 8080
SECRET_KEY_BYTES = 32

_DEMO_SENDER = "+15005550006"  # Twilio's own test number: nobody's telephone
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_OURS = {
    "HAMS_MODE": "demo, live or production; found out by itself when not given",
    "HAMS_PUBLIC_URL": "the address the provider calls, without a path",
    "HAMS_HOST": "the address to listen on",
    "HAMS_PORT": "the port to listen on",
    "HAMS_VAR": "the folder for everything written",
    "HAMS_REDIS_URL": "Redis for the short-lived; embedded when not given",
    "HAMS_REDIS_DOCTOR_URL": "the same Redis, as the user that may only read its configuration",
    "HAMS_DATABASE_URL": "SQLite or PostgreSQL for the casework",
    "HAMS_SECRET_KEYS": "comma-separated, newest first",
    "HAMS_COUNTRY_DEFAULT": "the country of a person whose country nothing tells",
    "HAMS_TWILIO_API_URL": "the provider's REST address",
    "HAMS_ENGINE_SOCKET": "the engine's unix socket",
    "HAMS_ALERT_WEBHOOK": "where a flagged person nobody takes is reported",
    "HAMS_ALERT_SECRET": "what those reports are signed with",
    "HAMS_DUTY_PHONE": "the telephone of whoever is on duty when nobody answers",
    "HAMS_HEARTBEAT_URL": "asked every minute while the ladder is looked after: a dead-man's check",
    "HAMS_TYPING_ON_PHONE": "on or off: whether WhatsApp shows that a counsellor is writing",
    "HAMS_PRACTICE_URL": "where new counsellors practise; the console links to it",
}
_THEIRS = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_FROM", "TWILIO_SMS_FROM", "SENTRY_DSN")
_STRANGERS = frozenset({
    # Twilio's libraries and command line
    "TWILIO_API_KEY", "TWILIO_API_KEY_SID", "TWILIO_API_SECRET", "TWILIO_API_KEY_SECRET", "TWILIO_EDGE", "TWILIO_REGION",
    "TWILIO_PROFILE", "TWILIO_PHONE_NUMBER", "TWILIO_MESSAGING_SERVICE_SID", "TWILIO_WORKSPACE_SID",
    # Sentry's libraries and command line; SENTRY_SPOTLIGHT gets a line of its own
    "SENTRY_AUTH_TOKEN", "SENTRY_DEBUG", "SENTRY_DIST", "SENTRY_ENVIRONMENT", "SENTRY_LOG_LEVEL", "SENTRY_ORG",
    "SENTRY_PROJECT", "SENTRY_PROPERTIES", "SENTRY_RELEASE", "SENTRY_SPOTLIGHT", "SENTRY_URL",
})  # fmt: skip
"""What other tools read: some are near a name of ours, and nobody meant ours by them."""
_NEAR = 0.7
"""How like one of ours (``difflib``) a name is that was meant for it: the shared prefix counts, so not too low."""
_TEST_PREFIX = "HAMS_TEST_"
"""Read by the test suite, never by the product."""


class SettingsError(Exception):
    """A setting is wrong. The message is one line that names it and never holds its value."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


class Mode(StrEnum):
    """What kind of run this is; each takes away something the one before allows. ``PRACTICE`` is a world of its own."""

    DEMO = "demo"
    LIVE = "live"
    PRODUCTION = "production"
    PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class Senders:
    """The numbers one channel sends from: one for everybody, or one a country."""

    default: str | None = None
    by_country: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def for_country(self, country: str) -> str | None:
        """The number to write from to somebody in ``country``."""
        return self.by_country.get(country, self.default)

    def country_of(self, number: str) -> str | None:
        """The country ``number`` was set up for, if it was for one."""
        return next((country for country, own in self.by_country.items() if own == number), None)

    def numbers(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self.by_country.values()) | ({self.default} if self.default else set())

    def __bool__(self) -> bool:
        return bool(self.default or self.by_country)

    def __str__(self) -> str:
        return self.default or ",".join(f"{country}={number}" for country, number in self.by_country.items())


@dataclass(frozen=True, slots=True)
class Settings:
    """What the product was told, checked. Secrets stay out of ``repr``."""

    mode: Mode
    root: Path
    var: Path
    host: str
    port: int
    public_url: str
    country_default: str
    redis_url: str | None = field(repr=False)
    """None: the supervisor starts the embedded one."""
    redis_doctor_url: str | None = field(repr=False)
    database_url: str = field(repr=False)
    engine_socket: Path
    secret_keys: tuple[bytes, ...] = field(repr=False)
    twilio_account_sid: str = field(repr=False)
    twilio_auth_tokens: tuple[str, ...] = field(repr=False)
    twilio_whatsapp_from: Senders
    twilio_sms_from: Senders
    twilio_api_url: str
    builtin_standin: bool
    """True: in demo mode the supervisor starts the provider's stand-in."""
    sentry_dsn: str | None = field(repr=False)
    alert_webhook: str | None = field(repr=False)
    alert_secret: str | None = field(repr=False)
    duty_phone: Senders
    """Numbers like our own: one, or one a country."""
    heartbeat_url: str | None = field(repr=False)
    typing_on_phone: bool = False
    practice_url: str | None = None

    @property
    def practice(self) -> bool:
        """True in the world of made-up people (``api/practice/``): nobody in it is real, and nothing of it goes out."""
        return self.mode is Mode.PRACTICE

    @property
    def demo(self) -> bool:
        """True when there are a simulator, demo staff and a movable clock."""
        return self.mode is Mode.DEMO

    @property
    def production(self) -> bool:
        return self.mode is Mode.PRODUCTION

    @property
    def run(self) -> Path:
        """Sockets, locks and what lasts as long as one run."""
        return self.var / "run"

    def as_environment(self) -> dict[str, str]:
        """The environment from which ``load_settings`` makes these settings again: how a part is told them."""
        values = {
            "HAMS_MODE": self.mode.value,
            "HAMS_PUBLIC_URL": self.public_url,
            "HAMS_HOST": self.host,
            "HAMS_PORT": str(self.port),
            "HAMS_VAR": str(self.var),
            "HAMS_REDIS_URL": self.redis_url or "",
            "HAMS_REDIS_DOCTOR_URL": self.redis_doctor_url or "",
            "HAMS_DATABASE_URL": self.database_url,
            "HAMS_SECRET_KEYS": ",".join(key.hex() for key in self.secret_keys),
            "HAMS_COUNTRY_DEFAULT": self.country_default,
            "HAMS_TWILIO_API_URL": self.twilio_api_url,
            "HAMS_ENGINE_SOCKET": str(self.engine_socket),
            "TWILIO_ACCOUNT_SID": self.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": ",".join(self.twilio_auth_tokens),
            "TWILIO_WHATSAPP_FROM": str(self.twilio_whatsapp_from),
            "TWILIO_SMS_FROM": str(self.twilio_sms_from),
            "SENTRY_DSN": self.sentry_dsn or "",
            "HAMS_ALERT_WEBHOOK": self.alert_webhook or "",
            "HAMS_ALERT_SECRET": self.alert_secret or "",
            "HAMS_DUTY_PHONE": str(self.duty_phone),
            "HAMS_HEARTBEAT_URL": self.heartbeat_url or "",
            "HAMS_TYPING_ON_PHONE": "on" if self.typing_on_phone else "off",
            "HAMS_PRACTICE_URL": self.practice_url or "",
        }
        return {name: value for name, value in values.items() if value}


def load_settings(
    environ: Mapping[str, str], root: Path, *, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> Settings:
    """Read and check every setting; the environment wins over ``root/.env``.

    Outside production a missing secret key, and in demo mode a missing provider account, is made once and kept
    under ``var`` (mode 0600), so that a second start opens what the first one sealed.

    Raises:
        SettingsError: a setting is wrong, missing or unknown.
    """
    practice = environ.get("HAMS_MODE", "").strip() == Mode.PRACTICE
    # what stands in .env is of the live world: the practice world does not even look
    given = {**({} if practice else read_env_file(root / ".env")), **environ}
    given = {name: value.strip() for name, value in given.items() if value.strip()}
    _refuse_unknown_names(given)
    if "SENTRY_SPOTLIGHT" in given:
        # threats.md: it turns personal data on, without a DSN
        raise SettingsError("SENTRY_SPOTLIGHT", "must not be set: it sends personal data to whoever listens")

    mode = _mode(given)
    if mode is Mode.PRACTICE and not practice:
        raise SettingsError("HAMS_MODE", "is not practice in .env: ./hams practice starts that world, beside the live one")
    var = _folder(given.get("HAMS_VAR"), root)
    _refuse_another_world(given, mode, var)
    port = _port(given.get("HAMS_PORT"))
    host = _host(given.get("HAMS_HOST"))
    api_url = given.get("HAMS_TWILIO_API_URL")
    account_sid, tokens = _twilio_account(given, mode, var, entropy)
    whatsapp = _senders("TWILIO_WHATSAPP_FROM", given)
    sms = _senders("TWILIO_SMS_FROM", given)
    if mode in (Mode.DEMO, Mode.PRACTICE) and not whatsapp and not sms:
        whatsapp = sms = Senders(default=_DEMO_SENDER)
    if not whatsapp and not sms:
        raise SettingsError("TWILIO_WHATSAPP_FROM", "this or TWILIO_SMS_FROM is needed: the number to send from")
    return Settings(
        mode=mode,
        root=root,
        var=var,
        host=host,
        port=port,
        public_url=_public_url(given.get("HAMS_PUBLIC_URL"), mode, port),
        country_default=_country(given.get("HAMS_COUNTRY_DEFAULT")),
        redis_url=_redis_url("HAMS_REDIS_URL", given),
        redis_doctor_url=_redis_url("HAMS_REDIS_DOCTOR_URL", given),
        database_url=_database_url(given.get("HAMS_DATABASE_URL"), var),
        engine_socket=Path(given.get("HAMS_ENGINE_SOCKET") or socket_folder(var) / "engine.sock"),
        secret_keys=_secret_keys(given.get("HAMS_SECRET_KEYS"), mode, var, entropy),
        twilio_account_sid=account_sid,
        twilio_auth_tokens=tokens,
        twilio_whatsapp_from=whatsapp,
        twilio_sms_from=sms,
        twilio_api_url=_api_url(api_url, mode),
        builtin_standin=mode in (Mode.DEMO, Mode.PRACTICE) and api_url is None,
        sentry_dsn=_sentry_dsn(given.get("SENTRY_DSN")),
        alert_webhook=_called_url("HAMS_ALERT_WEBHOOK", given),
        alert_secret=_alert_secret(given),
        duty_phone=_duty_phone(given, sms),
        heartbeat_url=_called_url("HAMS_HEARTBEAT_URL", given),
        typing_on_phone=_switch("HAMS_TYPING_ON_PHONE", given, mode is Mode.DEMO),
        practice_url=_practice_url(given),
    )


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` a line, ``#`` comments, optional ``export`` and quotes; nothing is expanded.

    Raises:
        SettingsError: a line is none of that.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(".env", f"cannot be read ({type(error).__name__})") from None
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().removeprefix("export ").lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not _NAME.fullmatch(name):
            raise SettingsError(".env", f"line {number} is not NAME=value")
        if value[:1] in ("'", '"'):
            end = value.find(value[0], 1)
            if end < 0 or value[end + 1 :].strip()[:1] not in ("", "#"):
                raise SettingsError(".env", f"line {number} ({name}) has a quote that does not close")
            value = value[1:end]
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].rstrip()
        values[name] = value
    return values


def socket_folder(var: Path) -> Path:
    """Where the unix sockets of this ``var`` live: ``var/run``, or a short folder when that path is too long.

    The kernel takes 107 bytes. The short folder's name comes from the long one, so every part finds the same.
    """
    folder = var / "run"
    if len(os.fsencode(folder / "engine.sock")) <= 100:
        return folder
    return Path(tempfile.gettempdir()) / f"hams-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def _refuse_unknown_names(given: Mapping[str, str]) -> None:
    """A name of ours must be one we know; of the names other tools share with us only a likely slip is refused."""
    for name in given:
        if name.startswith("HAMS_") and name not in _OURS and not name.startswith(_TEST_PREFIX):
            close = difflib.get_close_matches(name, _OURS, n=1)
            raise SettingsError(name, f"no such setting; did you mean {close[0]}?" if close else "no such setting")
        if name.startswith(("TWILIO_", "SENTRY_")) and name not in _THEIRS and name not in _STRANGERS:
            family = [known for known in _THEIRS if known.startswith(name[:7])]
            close = difflib.get_close_matches(name, family, n=1, cutoff=_NEAR)
            if close:
                raise SettingsError(name, f"no such setting; did you mean {close[0]}?")


PRACTICE_MARK = "practice-world"
"""A file that stands in the folder of a practice world and in no other."""

_NOT_IN_PRACTICE = (
    "SENTRY_DSN", "HAMS_ALERT_WEBHOOK", "HAMS_ALERT_SECRET", "HAMS_DUTY_PHONE", "HAMS_HEARTBEAT_URL", "HAMS_PRACTICE_URL",
)
"""Ways out of the product. A practice world has none."""


def _refuse_another_world(given: Mapping[str, str], mode: Mode, var: Path) -> None:
    """A practice world has stores, keys and a provider of its own and no way out; no other run lives in its folder.

    Raises:
        SettingsError: something of the one world is named in the other.
    """
    marked = (var / PRACTICE_MARK).exists()
    if mode is not Mode.PRACTICE:
        if marked:
            raise SettingsError("HAMS_VAR", "is the folder of a practice world, which is made anew at each start")
        return
    if not marked:
        raise SettingsError("HAMS_VAR", "is no practice world's folder: ./hams practice makes one")
    for name in _NOT_IN_PRACTICE:
        if name in given:
            raise SettingsError(name, "has no place in a practice world: nothing goes out of it")
    for name, value in (("HAMS_SECRET_KEYS", var / "keys" / "secret"), ("TWILIO_AUTH_TOKEN", var / "run" / "demo-account")):
        if name in given and given[name] not in (_kept(value), _kept(value).rpartition(" ")[2]):
            raise SettingsError(name, "is not the practice world's own")
    if given.get("HAMS_DATABASE_URL") not in (None, f"sqlite:///{var / 'hams.db'}"):
        raise SettingsError("HAMS_DATABASE_URL", "is not the practice world's own")
    for name in ("HAMS_REDIS_URL", "HAMS_REDIS_DOCTOR_URL"):
        if name in given:
            parts = _url(name, given[name].replace("@/", "@localhost/"), ("unix", "redis", "rediss"))
            if (parts.scheme, parts.path) != ("unix", str(socket_folder(var) / "redis.sock")):
                raise SettingsError(name, "is not the practice world's own")
    api_url = given.get("HAMS_TWILIO_API_URL")
    if api_url is not None and not is_loopback(_url("HAMS_TWILIO_API_URL", api_url, ("http",)).hostname or ""):
        raise SettingsError("HAMS_TWILIO_API_URL", "must be the stand-in on this machine in a practice world")


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _practice_url(given: Mapping[str, str]) -> str | None:
    """Where the console's link to the practice world leads: another address than the live console's."""
    name = "HAMS_PRACTICE_URL"
    value = _called_url(name, given)
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.query or parts.fragment or parts.path not in ("", "/") or parts.username or parts.password:
        raise SettingsError(name, "must be scheme and host only, without path, query or account")
    if given.get("HAMS_PUBLIC_URL", "").rstrip("/") == value.rstrip("/"):
        raise SettingsError(name, "is the live console's own address: the practice world needs another")
    return value.rstrip("/")


def _mode(given: Mapping[str, str]) -> Mode:
    wish = given.get("HAMS_MODE")
    if wish is None:
        return Mode.LIVE if any(name in given for name in _THEIRS if name.startswith("TWILIO_")) else Mode.DEMO
    try:
        return Mode(wish)
    except ValueError:
        raise SettingsError("HAMS_MODE", "must be demo, live or production") from None  # practice is no setting to make


def _folder(value: str | None, root: Path) -> Path:
    folder = root / (value or "var")
    if folder.exists() and not folder.is_dir():
        raise SettingsError("HAMS_VAR", "is not a folder")
    return folder.absolute()


def _port(value: str | None) -> int:
    if value is None:
        return DEFAULT_PORT
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and 1 <= int(value) <= 65535):
        raise SettingsError("HAMS_PORT", "must be a number from 1 to 65535")
    return int(value)


def _host(value: str | None) -> str:
    if value is None or value == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise SettingsError("HAMS_HOST", "must be an IP address to listen on, such as 127.0.0.1") from None


def _url(name: str, value: str, schemes: tuple[str, ...]) -> SplitResult:
    """``value`` taken apart.

    Raises:
        SettingsError: not a URL of one of these schemes with a host and, if any, a port that can be.
    """
    expected = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(value)
        fits = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or re.search(r"[\s\x00-\x1f]", value):
        raise SettingsError(name, f"must be a URL that starts with {expected}")
    return parts


def _public_url(value: str | None, mode: Mode, port: int) -> str:
    if value is None:
        if mode is Mode.PRODUCTION:
            raise SettingsError("HAMS_PUBLIC_URL", "is needed in production: the https address the provider calls")
        return f"http://127.0.0.1:{port}"
    parts = _url("HAMS_PUBLIC_URL", value, ("https", "http"))
    if parts.query or parts.fragment or parts.path not in ("", "/") or parts.username or parts.password:
        raise SettingsError("HAMS_PUBLIC_URL", "must be scheme and host only, without path, query or account")
    if mode is Mode.PRODUCTION and parts.scheme != "https":
        raise SettingsError("HAMS_PUBLIC_URL", "must be https in production")
    return value.rstrip("/")


def _country(value: str | None) -> str:
    if value is None:
        return "XX"
    if value.upper() not in (*COUNTRIES, "XX"):
        raise SettingsError("HAMS_COUNTRY_DEFAULT", f"must be one of {', '.join(COUNTRIES)} or XX (unknown)")
    return value.upper()


def _redis_url(name: str, given: Mapping[str, str]) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if value.startswith("unix://"):
        parts = urlsplit(value)
        if not parts.path.startswith("/") or parts.path == "/":
            raise SettingsError(name, "must name an absolute socket path after unix://")
        databases = []
    else:
        parts = _url(name, value, ("redis", "rediss", "unix"))
        # threats.md: TLS outside loopback
        if parts.scheme == "redis" and not is_loopback(parts.hostname or ""):
            raise SettingsError(name, "must be rediss:// (TLS) for a server that is not on this machine")
        databases = [parts.path[1:]] if parts.path not in ("", "/") else []
    # redis-py takes a path that is no number for database 0, and says nothing
    databases += parse_qs(parts.query, keep_blank_values=True).get("db", [])
    if not all(re.fullmatch(r"[0-9]{1,4}", database) for database in databases):
        raise SettingsError(name, "must name its database by a number, such as /0 at the end (or ?db=0)")
    return value


def _database_url(value: str | None, var: Path) -> str:
    if value is None:
        return f"sqlite:///{var / 'hams.db'}"
    if value.startswith("sqlite:///"):
        if value.removeprefix("sqlite:///") in ("", ":memory:"):
            raise SettingsError("HAMS_DATABASE_URL", "must name a file after sqlite:///: casework must last")
        return value
    scheme = value.split("://", 1)[0]
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise SettingsError("HAMS_DATABASE_URL", "must start with sqlite:/// or postgresql://")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        raise SettingsError("HAMS_DATABASE_URL", "is not a URL") from None
    if not parts.hostname and "host=" not in parts.query:
        raise SettingsError("HAMS_DATABASE_URL", "names no host")
    if len(parts.path) < 2:
        raise SettingsError("HAMS_DATABASE_URL", "names no database after the host")
    return value


def is_loopback(host: str) -> bool:
    """True if ``host`` is this machine and nothing sent there crosses a wire."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_secret_key(value: str) -> bytes | None:
    """The key in ``value`` (hexadecimal or base64, 32 bytes or more), None if there is none or it is no secret."""
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", value):
        key = bytes.fromhex(value)
    else:
        try:
            plain = value.rstrip("=").replace("-", "+").replace("_", "/")
            key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
    # a placeholder such as 000… has few different bytes; 32 random ones have fewer than 12 once in 10^20
    return key if len(key) >= SECRET_KEY_BYTES and len(set(key)) >= 12 else None


def _secret_keys(value: str | None, mode: Mode, var: Path, entropy: Callable[[int], bytes]) -> tuple[bytes, ...]:
    name = "HAMS_SECRET_KEYS"
    if value is None:
        if mode is Mode.PRODUCTION:
            raise SettingsError(name, "is needed in production: 32 random bytes or more, in base64 or hexadecimal")
        value = _made_once(var / "keys" / "secret", lambda: entropy(SECRET_KEY_BYTES).hex())
        name = str(Path("keys") / "secret")
    keys: list[bytes] = []
    for number, part in enumerate(re.split(r"[,\n]", value), 1):
        key = parse_secret_key(part.strip())
        if key is None:
            raise SettingsError(name, f"key {number} is not 32 or more random bytes in base64 or hexadecimal")
        if key in keys:
            raise SettingsError(name, f"key {number} is there twice")
        keys.append(key)
    return tuple(keys)


def _twilio_account(
    given: Mapping[str, str], mode: Mode, var: Path, entropy: Callable[[int], bytes]
) -> tuple[str, tuple[str, ...]]:
    sid, tokens = given.get("TWILIO_ACCOUNT_SID"), given.get("TWILIO_AUTH_TOKEN")
    if sid is None and tokens is None and mode in (Mode.DEMO, Mode.PRACTICE):
        made = _made_once(var / "run" / "demo-account", lambda: f"AC{entropy(16).hex()} {entropy(16).hex()}")
        sid, _, tokens = made.partition(" ")
    if sid is None:
        raise SettingsError("TWILIO_ACCOUNT_SID", "is needed: AC and 32 hexadecimal digits, from Twilio's console")
    if tokens is None:
        raise SettingsError("TWILIO_AUTH_TOKEN", "is needed: without it no signature can be checked")
    if not re.fullmatch(r"AC[0-9a-f]{32}", sid):
        raise SettingsError("TWILIO_ACCOUNT_SID", "must be AC and 32 hexadecimal digits")
    parts = tuple(token.strip() for token in tokens.split(","))
    # no shape is demanded of a token: Twilio promises none, and its documented test vector uses "12345"
    if any(not re.fullmatch(r"[!-~]+", token) for token in parts):
        raise SettingsError("TWILIO_AUTH_TOKEN", "must be one token, or several with commas between them")
    if len(set(parts)) != len(parts):
        raise SettingsError("TWILIO_AUTH_TOKEN", "holds the same token twice")
    return sid, parts


def _senders(name: str, given: Mapping[str, str]) -> Senders:
    value = given.get(name)
    if value is None:
        return Senders()
    parts = [part.strip() for part in value.split(",")]
    if len(parts) == 1 and "=" not in parts[0]:
        return Senders(default=_number(name, parts[0]))
    by_country: dict[str, str] = {}
    for part in parts:
        country, equals, number = part.partition("=")
        country = country.strip().upper()
        if not equals:
            raise SettingsError(name, "must be one number, or one per country such as JO=+962…,BH=+973…")
        if country not in COUNTRIES:
            raise SettingsError(name, f"knows no such country before a number; there are {', '.join(COUNTRIES)}")
        if country in by_country:
            raise SettingsError(name, f"names {country} twice")
        by_country[country] = _number(name, number.strip())
    return Senders(by_country=MappingProxyType(by_country))


def _number(name: str, value: str) -> str:
    number = re.sub(r"[ ().-]", "", value.removeprefix("whatsapp:"))
    if not _E164.fullmatch(number):
        raise SettingsError(name, "must be a telephone number in the form +9627… (E.164)")
    return number


def _api_url(value: str | None, mode: Mode) -> str:
    if value is None:
        return NOWHERE if mode is Mode.PRACTICE else TWILIO_API
    parts = _url("HAMS_TWILIO_API_URL", value, ("https", "http"))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError("HAMS_TWILIO_API_URL", "must be https for a server that is not on this machine")
    if mode is Mode.PRODUCTION and parts.scheme != "https":
        raise SettingsError("HAMS_TWILIO_API_URL", "must be https in production")
    return value.rstrip("/")


def _sentry_dsn(value: str | None) -> str | None:
    if value is None:
        return None
    parts = _url("SENTRY_DSN", value, ("https", "http"))
    if not parts.username or not parts.path.rstrip("/").rsplit("/", 1)[-1].isdigit():
        raise SettingsError("SENTRY_DSN", "must be a Sentry DSN: https://key@host/project")
    return value


def _called_url(name: str, given: Mapping[str, str]) -> str | None:
    """A URL that is called from here: https, or on this machine."""
    value = given.get(name)
    if value is None:
        return None
    parts = _url(name, value, ("https", "http"))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError(name, "must be https for a server that is not on this machine")
    return value


def _switch(name: str, given: Mapping[str, str], default: bool) -> bool:
    value = given.get(name, "on" if default else "off").lower()
    if value not in ("on", "off"):
        raise SettingsError(name, "must be on or off")
    return value == "on"


def _alert_secret(given: Mapping[str, str]) -> str | None:
    value = given.get("HAMS_ALERT_SECRET")
    if value is None and "HAMS_ALERT_WEBHOOK" in given:
        raise SettingsError("HAMS_ALERT_SECRET", "is needed with HAMS_ALERT_WEBHOOK: reports are signed with it")
    if value is not None and (len(value) < 32 or len(set(value)) < 10):
        raise SettingsError("HAMS_ALERT_SECRET", "must be 32 or more random characters")
    return value


def _duty_phone(given: Mapping[str, str], sms: Senders) -> Senders:
    phones = _senders("HAMS_DUTY_PHONE", given)
    if phones and not sms:
        raise SettingsError("HAMS_DUTY_PHONE", "needs TWILIO_SMS_FROM: the number it is written to and rung from")
    return phones


def _made_once(path: Path, make: Callable[[], str]) -> str:
    """What ``path`` holds; made on the first call. Two processes at once get the same."""
    try:
        if not path.exists():
            for folder in (path.parent.parent, path.parent):  # each by itself: of parents, mkdir ignores the mode
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
            fresh = Path(name)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(make() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)  # fails if another process was first, and then its value counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("HAMS_VAR", f"cannot keep {path.name} there ({type(error).__name__})") from None
