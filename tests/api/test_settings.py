"""Every setting: its default, what it takes, and the one line that a wrong value gets."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path

import pytest

from api.settings import Mode, Senders, Settings, SettingsError, load_settings, read_env_file, socket_folder

KEY = bytes(range(32))
OTHER_KEY = bytes(range(100, 140))
SID = "AC" + "0123456789abcdef" * 2
LIVE = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": "a" * 32, "TWILIO_WHATSAPP_FROM": "+97317000000"}
PRODUCTION = {**LIVE, "HAMS_MODE": "production", "HAMS_PUBLIC_URL": "https://line.example", "HAMS_SECRET_KEYS": KEY.hex()}


def load(root: Path, **environ: str) -> Settings:
    return load_settings(environ, root)


# --- what there is without a single setting ---------------------------------------------------------------------------


def test_with_no_settings_it_is_a_demo_that_needs_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.mode is Mode.DEMO and settings.demo and not settings.production
    assert settings.public_url == "http://127.0.0.1:8080"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.var == tmp_path / "var"
    assert settings.redis_url is None
    assert settings.database_url == f"sqlite:///{tmp_path}/var/hams.db"
    assert settings.builtin_standin
    assert settings.country_default == "XX"
    assert settings.sentry_dsn is None
    assert settings.twilio_whatsapp_from and settings.twilio_sms_from


def test_a_demo_keeps_its_key_and_its_account_from_start_to_start(tmp_path: Path) -> None:
    first, second = load(tmp_path), load(tmp_path)
    assert first.secret_keys == second.secret_keys and len(first.secret_keys[0]) == 32
    assert first.twilio_account_sid == second.twilio_account_sid
    assert first.twilio_auth_tokens == second.twilio_auth_tokens
    for made in ("keys/secret", "run/demo-account"):
        assert (tmp_path / "var" / made).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "var/keys").stat().st_mode & 0o777 == 0o700


def test_two_places_have_different_keys(tmp_path: Path) -> None:
    one, two = load(tmp_path, HAMS_VAR="one"), load(tmp_path, HAMS_VAR="two")
    assert one.secret_keys != two.secret_keys
    assert one.twilio_auth_tokens != two.twilio_auth_tokens


def test_two_first_starts_at_the_same_instant_agree_on_the_key(tmp_path: Path) -> None:
    together, found = threading.Barrier(8), []

    def start() -> None:
        together.wait()
        found.append(load(tmp_path).secret_keys)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_a_part_is_told_the_same_settings_through_its_environment(tmp_path: Path) -> None:
    for given in ({}, LIVE, PRODUCTION, {**LIVE, "HAMS_PRACTICE_URL": "https://practice.example"}, {**LIVE, "TWILIO_SMS_FROM": "JO=+962790000000,BH=+97317000001"}):
        settings = load_settings(given, tmp_path)
        again = load_settings(settings.as_environment(), tmp_path)
        # the stand-in's address is what the supervisor adds: whoever is told it does not start another
        assert again.as_environment() == settings.as_environment()
        assert not again.builtin_standin


def test_the_outside_is_called_by_what_was_set_and_by_nothing_else(tmp_path: Path) -> None:
    assert load_settings(LIVE, tmp_path).alert_webhook is None
    given = {
        **LIVE, "TWILIO_SMS_FROM": "+15005550006", "HAMS_ALERT_WEBHOOK": "https://desk.example/alert?key=1",
        "HAMS_ALERT_SECRET": KEY.hex(), "HAMS_DUTY_PHONE": "JO=+962790000000", "HAMS_HEARTBEAT_URL": "http://127.0.0.1:9/beat",
        "HAMS_TYPING_ON_PHONE": "ON",
    }
    settings = load_settings(given, tmp_path)
    assert settings.duty_phone.for_country("JO") == "+962790000000" and settings.duty_phone.for_country("QA") is None
    again = load_settings(settings.as_environment(), tmp_path)
    assert settings.typing_on_phone and again.typing_on_phone
    assert (again.alert_webhook, again.alert_secret, again.duty_phone, again.heartbeat_url) == (
        settings.alert_webhook, settings.alert_secret, settings.duty_phone, settings.heartbeat_url,
    )
    assert KEY.hex() not in repr(settings) and "key=1" not in repr(settings)


@pytest.mark.parametrize(("missing", "named"), [("HAMS_ALERT_SECRET", "HAMS_ALERT_SECRET"), ("TWILIO_SMS_FROM", "HAMS_DUTY_PHONE")])
def test_a_way_to_the_outside_that_is_half_set_is_refused(tmp_path: Path, missing: str, named: str) -> None:
    given = {
        **LIVE, "TWILIO_WHATSAPP_FROM": "+15005550006", "TWILIO_SMS_FROM": "+15005550006", "HAMS_ALERT_SECRET": KEY.hex(),
        "HAMS_ALERT_WEBHOOK": "https://desk.example/alert", "HAMS_DUTY_PHONE": "+962790000000",
    }
    del given[missing]
    with pytest.raises(SettingsError) as refused:
        load_settings(given, tmp_path)
    assert refused.value.name == named


def test_no_secret_is_in_the_repr(tmp_path: Path) -> None:
    settings = load(
        tmp_path, **{**PRODUCTION, "HAMS_REDIS_URL": "rediss://u:hush1@r.example:6380/0",
        "HAMS_DATABASE_URL": "postgresql://u:hush2@d.example/h", "SENTRY_DSN": "https://hush3@s.example/4"},
    )  # fmt: skip
    shown = repr(settings)
    for secret in ("hush", KEY.hex(), repr(KEY), "a" * 32):
        assert secret not in shown


# --- which run this is ------------------------------------------------------------------------------------------------


def test_no_real_phone_shows_that_somebody_writes_unless_that_is_wanted(tmp_path: Path) -> None:
    assert load(tmp_path).typing_on_phone, "the phones of a demo are on the screen"
    assert not load(tmp_path, **LIVE).typing_on_phone and not load(tmp_path, **PRODUCTION).typing_on_phone
    assert not load_settings(load(tmp_path, HAMS_TYPING_ON_PHONE="off").as_environment(), tmp_path).typing_on_phone
    with pytest.raises(SettingsError, match="HAMS_TYPING_ON_PHONE: must be on or off"):
        load(tmp_path, HAMS_TYPING_ON_PHONE="yes")


def test_an_account_of_a_provider_ends_the_demo(tmp_path: Path) -> None:
    settings = load(tmp_path, **LIVE)
    assert settings.mode is Mode.LIVE
    assert not settings.builtin_standin
    assert settings.twilio_api_url == "https://api.twilio.com"


def test_a_provider_address_of_a_test_keeps_the_builtin_standin_away(tmp_path: Path) -> None:
    settings = load(tmp_path, HAMS_TWILIO_API_URL="http://127.0.0.1:9999/")
    assert settings.demo and not settings.builtin_standin
    assert settings.twilio_api_url == "http://127.0.0.1:9999"


def test_production_takes_good_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, **PRODUCTION)
    assert settings.production and settings.secret_keys == (KEY,)
    assert not (tmp_path / "var/keys").exists()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("HAMS_SECRET_KEYS", "HAMS_SECRET_KEYS: is needed in production"),
        ("HAMS_PUBLIC_URL", "HAMS_PUBLIC_URL: is needed in production"),
        ("TWILIO_ACCOUNT_SID", "TWILIO_ACCOUNT_SID: is needed"),
        ("TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN: is needed"),
        ("TWILIO_WHATSAPP_FROM", "TWILIO_WHATSAPP_FROM: this or TWILIO_SMS_FROM is needed"),
    ],
)
def test_production_makes_nothing_up(tmp_path: Path, missing: str, said: str) -> None:
    given = {name: value for name, value in PRODUCTION.items() if name != missing}
    with pytest.raises(SettingsError) as refused:
        load_settings(given, tmp_path)
    assert str(refused.value).startswith(said)
    assert not (tmp_path / "var").exists()


# --- wrong values -----------------------------------------------------------------------------------------------------

WRONG = [
    *(("HAMS_PORT", port) for port in ("0", "65536", "99999", "abc", "-1", "80.0", "٨٠", "1e3", "8 0")),
    *(("HAMS_HOST", host) for host in ("example.org", "300.1.1.1", "http://127.0.0.1", "127.0.0.1:80")),
    *(("HAMS_PUBLIC_URL", url) for url in (
        "line.example", "ftp://line.example", "https://", "https://line.example/path", "https://line.example?x=1",
        "https://line.example#f", "https://u:hush@line.example", "https://line.example:99999", "https://[::1",
        "https://line .example",
    )),
    *(("HAMS_COUNTRY_DEFAULT", country) for country in ("US", "Jordan", "+962", "JO,QA")),
    *(("HAMS_REDIS_URL", url) for url in (
        "localhost:6379", "http://127.0.0.1", "redis://", "redis://:hush@10.0.0.5:6379/0", "redis://127.0.0.1:0",
        "unix://", "unix://relative.sock", "unix:///", "redis://127.0.0.1:6379/abc", "redis://127.0.0.1/0/1",
        "redis://127.0.0.1/-1", "redis://127.0.0.1/0?db=hush", "unix:///run/redis.sock?db=", "redis://127.0.0.1/٣",
    )),
    ("HAMS_REDIS_DOCTOR_URL", "redis://doctor:hush@r.example"),
    *(("HAMS_DATABASE_URL", url) for url in (
        "mysql://u:hush@h/d", "hams.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://",
        "postgresql://u:hush@h", "postgresql://u:hush@h:port/d", "postgresql:///d",
    )),
    *(("HAMS_SECRET_KEYS", keys) for keys in (
        "hush", "00" * 32, "ab" * 32, KEY[:31].hex(), base64.b64encode(KEY[:30]).decode(), KEY.hex() + ",",
        KEY.hex() + "," + KEY.hex(), KEY.hex() + ",hush", "!" * 64, KEY.hex()[:-1] + "é",
    )),
    *(("TWILIO_ACCOUNT_SID", sid) for sid in ("AC123", "SK" + "0" * 32, "AC" + "g" * 32, SID.upper())),
    *(("TWILIO_AUTH_TOKEN", token) for token in ("hush,", "hush,hush", "hush hush", "hushé")),
    *((name, value) for name in ("TWILIO_WHATSAPP_FROM", "TWILIO_SMS_FROM") for value in (
        "0791234567", "+0791234567", "+12", "+9627912345678901", "Hams", "JO=", "JO=0791", "US=+12025550100",
        "JO=+962790000000,JO=+962790000001", "JO=+962790000000,+97317000000", "JO:+962790000000", "=+962790000000",
        "+962790000000,+97317000000",
    )),
    *(("HAMS_TWILIO_API_URL", url) for url in ("api.twilio.com", "ftp://x", "http://api.example.com", "http://")),
    *((name, url) for name in ("HAMS_ALERT_WEBHOOK", "HAMS_HEARTBEAT_URL") for url in ("desk.example", "http://desk.example/hush", "ftp://x")),
    *(("HAMS_ALERT_SECRET", secret) for secret in ("hush", "x" * 64)),
    *(("HAMS_DUTY_PHONE", value) for value in ("0791234567", "JO=0791", "US=+12025550100")),
    *(("SENTRY_DSN", dsn) for dsn in ("hush", "https://s.example/4", "https://hush@s.example/", "https://hush@s.example/x")),
    *(("SENTRY_SPOTLIGHT", value) for value in ("1", "true", "http://localhost:8969/stream")),
    *(("HAMS_MODE", mode) for mode in ("prod", "DEMO", "test")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_stops_the_start_with_one_line_that_names_it_and_does_not_show_it(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({**LIVE, name: value}, tmp_path)
    said = str(refused.value)
    assert said.startswith(f"{name}: ")
    assert refused.value.name == name
    assert "\n" not in said and len(said) < 160
    if len(value) > 4 and not value.endswith("/"):  # a bare scheme is what the line itself recommends
        assert value not in said
    assert "hush" not in said
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("HAMS_PUBLIC_URL", "http://line.example"), ("HAMS_TWILIO_API_URL", "http://127.0.0.1:9000")],
)
def test_production_refuses_what_a_test_may(tmp_path: Path, name: str, value: str) -> None:
    load_settings({**LIVE, name: value}, tmp_path)
    with pytest.raises(SettingsError, match=f"^{name}: must be https in production$"):
        load_settings({**PRODUCTION, name: value}, tmp_path)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("HAMS_PUBLIC_URI", "HAMS_PUBLIC_URL"),
        ("HAMS_DATABASEURL", "HAMS_DATABASE_URL"),
        ("HAMS_SECRET_KEY", "HAMS_SECRET_KEYS"),
        ("HAMS_COUNTRY", "HAMS_COUNTRY_DEFAULT"),
    ],
)
def test_a_setting_nobody_knows_is_refused_with_the_one_that_was_meant(tmp_path: Path, typo: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"^{typo}: no such setting; did you mean {meant}\\?$"):
        load_settings({typo: "hush"}, tmp_path)


def test_a_setting_like_no_other_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^HAMS_XYZZY: no such setting$"):
        load(tmp_path, HAMS_XYZZY="1")


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("TWILIO_AUTH_TOKENS", "TWILIO_AUTH_TOKEN"),
        ("TWILIO_TOKEN", "TWILIO_AUTH_TOKEN"),
        ("TWILIO_SID", "TWILIO_ACCOUNT_SID"),
        ("TWILIO_SMS_FORM", "TWILIO_SMS_FROM"),
        ("TWILIO_FOO", "TWILIO_SMS_FROM"),
        ("TWILIO_WHATSAPP_NUMBER", "TWILIO_WHATSAPP_FROM"),
        ("SENTRY_DNS", "SENTRY_DSN"),
        ("SENTRY_DSN_URL", "SENTRY_DSN"),
    ],
)
def test_a_misspelt_setting_of_a_provider_is_refused_even_beside_the_right_one(
    tmp_path: Path, typo: str, meant: str
) -> None:
    for beside in ({}, {**LIVE, "TWILIO_SMS_FROM": "+97317000001", "SENTRY_DSN": "https://key@s.example/4"}):
        with pytest.raises(SettingsError, match=f"^{typo}: no such setting; did you mean {meant}\\?$"):
            load_settings({**beside, typo: "hush"}, tmp_path)


def test_what_other_tools_read_is_left_alone(tmp_path: Path) -> None:
    theirs = (
        "TWILIO_REGION", "TWILIO_EDGE", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_PHONE_NUMBER", "TWILIO_VERIFY_SERVICE_SID",
        "SENTRY_AUTH_TOKEN", "SENTRY_ORG", "SENTRY_URL", "SENTRY_DEBUG", "SENTRY_DIST", "SENTRY_ENVIRONMENT", "SENTRY_RELEASE",
        "SENTRY_TRACES_SAMPLE_RATE",
    )  # fmt: skip
    assert load(tmp_path, **dict.fromkeys(theirs, "x"), PATH="/bin").demo


def test_a_test_may_have_names_of_its_own(tmp_path: Path) -> None:
    load(tmp_path, HAMS_TEST_POSTGRES_URL="postgresql://x")


def test_a_var_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^HAMS_VAR: is not a folder$"):
        load(tmp_path, HAMS_VAR="file")


@pytest.mark.skipif(os.getuid() == 0 and not Path("/proc").exists(), reason="needs a folder that takes no file")
def test_a_var_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^HAMS_VAR: cannot keep \S+ there \(\w+\)$"):
        load(tmp_path, HAMS_VAR="/proc/hams")


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "var/keys").mkdir(parents=True)
    (tmp_path / "var/keys/secret").write_text("not a key\n")
    with pytest.raises(SettingsError, match=r"^keys/secret: key 1 is not 32 or more random bytes"):
        load(tmp_path)


# --- good values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode().rstrip("=")],
)
def test_a_key_is_read_in_hexadecimal_and_both_kinds_of_base64(tmp_path: Path, written: str) -> None:
    assert load(tmp_path, HAMS_SECRET_KEYS=written).secret_keys == (KEY,)


def test_keys_stay_in_order_newest_first(tmp_path: Path) -> None:
    keys = load(tmp_path, HAMS_SECRET_KEYS=f"{OTHER_KEY.hex()}, {KEY.hex()}").secret_keys
    assert keys == (OTHER_KEY, KEY)


def test_two_tokens_are_taken_while_one_is_rotated(tmp_path: Path) -> None:
    assert load(tmp_path, **{**LIVE, "TWILIO_AUTH_TOKEN": "new, old"}).twilio_auth_tokens == ("new", "old")


def test_a_sender_a_country(tmp_path: Path) -> None:
    given = {**LIVE, "TWILIO_SMS_FROM": "jo=+962 79 000-0000, BH=+97317000001"}
    senders = load(tmp_path, **given).twilio_sms_from
    assert senders.for_country("JO") == "+962790000000"
    assert senders.for_country("QA") is None
    assert senders.country_of("+97317000001") == "BH"
    assert senders.country_of("+1") is None
    assert senders.numbers() == {"+962790000000", "+97317000001"}


def test_one_sender_for_everybody(tmp_path: Path) -> None:
    given = {**LIVE, "TWILIO_WHATSAPP_FROM": "whatsapp:+97317000000"}
    senders = load(tmp_path, **given).twilio_whatsapp_from
    assert senders.for_country("JO") == senders.for_country("XX") == "+97317000000"
    assert not load(tmp_path, **given).twilio_sms_from
    assert not Senders()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HAMS_REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("HAMS_REDIS_URL", "redis://:p@localhost"),
        ("HAMS_REDIS_URL", "redis://[::1]:6379"),
        ("HAMS_REDIS_URL", "rediss://u:p@redis.example:6380/1"),
        ("HAMS_REDIS_URL", "redis://127.0.0.1:6379/?db=12"),
        ("HAMS_REDIS_URL", "unix://u:p@/run/redis.sock?db=0"),
        ("HAMS_DATABASE_URL", "postgresql://u:p@db.example/hams?sslmode=verify-full"),
        ("HAMS_DATABASE_URL", "postgresql+psycopg://u@/hams?host=/run/postgresql"),
        ("HAMS_DATABASE_URL", "postgres://u:p@db.example:5432/hams"),
        ("HAMS_DATABASE_URL", "sqlite:////srv/hams.db"),
        ("HAMS_PUBLIC_URL", "https://line.example:8443"),
        ("HAMS_HOST", "::1"),
        ("HAMS_HOST", "0.0.0.0"),
        ("SENTRY_DSN", "https://key@o1.ingest.example/42"),
    ],
)
def test_a_good_value_is_taken_as_it_is(tmp_path: Path, name: str, value: str) -> None:
    settings = load(tmp_path, **{**LIVE, name: value})
    assert settings.as_environment()[name] == value


def test_small_kindnesses(tmp_path: Path) -> None:
    settings = load(tmp_path, HAMS_COUNTRY_DEFAULT="jo", HAMS_HOST="localhost", HAMS_PUBLIC_URL="http://h.example/")
    assert (settings.country_default, settings.host) == ("JO", "127.0.0.1")
    assert settings.public_url == "http://h.example"


def test_an_empty_setting_is_one_that_is_not_there(tmp_path: Path) -> None:
    settings = load(tmp_path, HAMS_PORT="", HAMS_REDIS_URL=" ", TWILIO_AUTH_TOKEN="", SENTRY_SPOTLIGHT="")
    assert settings.port == 8080 and settings.redis_url is None and settings.demo


# --- .env -------------------------------------------------------------------------------------------------------------


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HAMS_PORT=9000\nHAMS_COUNTRY_DEFAULT=QA\n")
    settings = load(tmp_path, HAMS_PORT="9001")
    assert (settings.port, settings.country_default) == (9001, "QA")


def test_the_file_may_have_comments_quotes_and_exports(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "\ufeff# a comment\n\nexport A=1\nB = 'two # words' # three\nC=\"x=y\"\nD=plain # comment\nE=a#b\nF=\n",
        encoding="utf-8",
    )
    assert read_env_file(tmp_path / ".env") == {
        "A": "1", "B": "two # words", "C": "x=y", "D": "plain", "E": "a#b", "F": "",
    }  # fmt: skip


@pytest.mark.parametrize("line", ["just words", "=value", "1A=2", "A B=c", "A='hush", "A='hush' more", 'A="'])
def test_a_line_that_is_no_setting_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"HAMS_PORT=9000\n{line}\n")
    with pytest.raises(SettingsError, match=r"^\.env: line 2 ") as refused:
        load(tmp_path)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(SettingsError, match=r"^\.env: cannot be read \(UnicodeDecodeError\)$"):
        load(tmp_path)


def test_a_wrong_value_in_the_file_is_named_like_any_other(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HAMS_PORT=none\n")
    with pytest.raises(SettingsError, match=r"^HAMS_PORT: "):
        load(tmp_path)


def test_sockets_get_a_short_folder_of_their_own_when_the_path_is_long(tmp_path: Path) -> None:
    assert socket_folder(Path("/srv/hams/var")) == Path("/srv/hams/var/run")
    long = tmp_path / ("x" * 100)
    assert len(str(socket_folder(long))) < 80
    assert socket_folder(long) == socket_folder(long) != socket_folder(tmp_path / ("y" * 100))
