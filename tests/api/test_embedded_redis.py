"""The bundled server, really started: what its configuration says, who may do what, what is left on disk."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from api import embedded_redis as embedded
from api.embedded_redis import EmbeddedRedis, RedisUnfit, RedisUnreachable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with embedded.embedded_redis(tmp_path_factory.mktemp("redis") / "run") as running:
        yield running


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[str]:
    """The same binary as it starts by itself."""
    path = tmp_path / "stock.sock"
    process = subprocess.Popen(
        [str(embedded.server_binary()), "--port", "0", "--unixsocket", str(path), "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                embedded.Client(f"unix://{path}").close()
                break
            except RedisUnreachable:
                time.sleep(0.01)
        yield f"unix://{path}"
    finally:
        process.kill()
        process.wait()


def test_the_running_server_is_configured_as_the_threat_model_says(server: EmbeddedRedis) -> None:
    doctor = redis.Redis.from_url(server.doctor_url, decode_responses=True)
    said = {name: doctor.config_get(name).get(name) for name in embedded.REQUIRED}
    assert said == dict(embedded.REQUIRED)
    embedded.verify(server.url, server.doctor_url)


def test_a_stock_server_is_refused_with_all_that_is_wrong(stock: str) -> None:
    with pytest.raises(RedisUnfit) as refused:
        embedded.verify(stock, stock)
    said = str(refused.value)
    assert "save is " in said
    assert "slowlog-log-slower-than" in said
    assert "the product's user may run MONITOR CONFIG" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", [name for name in embedded.REQUIRED if name != "notify-keyspace-events"])
def test_each_setting_changed_on_the_running_server_is_noticed(stock: str, name: str) -> None:
    client = redis.Redis.from_url(stock)
    for required, value in embedded.REQUIRED.items():
        client.config_set(required, value)
    assert embedded.configuration_problems(stock) == []
    other = {"save": "900 1", "maxmemory-policy": "allkeys-lru", "slowlog-log-slower-than": "0"}
    numeric = "5" if embedded.REQUIRED[name].lstrip("-").isdigit() else None
    opposite = {"yes": "no", "no": "yes"}.get(embedded.REQUIRED[name])
    try:
        client.config_set(name, other.get(name) or numeric or opposite or "KEA")
    except redis.ResponseError:
        pytest.skip("this build cannot turn it on at all")  # activedefrag needs jemalloc
    assert [problem for problem in embedded.configuration_problems(stock) if problem.startswith(f"{name} is ")]


@pytest.mark.parametrize("command", embedded.FORBIDDEN)
def test_the_products_user_is_refused(server: EmbeddedRedis, command: str) -> None:
    with embedded.Client(server.url) as client:
        client.ask("MULTI")
        assert str(client.ask(*command.split())).startswith("NOPERM")


def test_probing_what_is_allowed_runs_nothing(stock: str) -> None:
    client = redis.Redis.from_url(stock)
    client.set("kept", "yes")
    assert embedded.permission_problems(stock)
    assert client.get("kept") == b"yes"
    assert client.lastsave() is not None and client.info("persistence")["rdb_bgsave_in_progress"] == 0


def test_the_products_user_can_do_its_work(server: EmbeddedRedis) -> None:
    client = redis.Redis.from_url(server.url)
    assert client.set("k", b"sealed", ex=60)
    assert client.setrange("k", 0, b"\0" * 6) == 6
    assert client.eval("return redis.call('GET', KEYS[1])", 1, "k") == b"\0" * 6
    assert client.register_script("return redis.call('TIME')[1]")() is not None
    with client.pubsub() as listener:
        listener.subscribe("c")
        assert client.publish("c", b"x") == 1
    assert client.xadd("s", {"f": b"v"})
    assert client.wait(0, 10) == 0
    assert client.delete("k", "s") == 2


def test_a_script_cannot_do_what_its_user_may_not(server: EmbeddedRedis) -> None:
    with pytest.raises(redis.ResponseError):
        redis.Redis.from_url(server.url).eval("return redis.call('CONFIG', 'GET', 'save')", 0)


def test_the_doctor_reads_the_configuration_and_no_key(server: EmbeddedRedis) -> None:
    doctor = redis.Redis.from_url(server.doctor_url)
    assert doctor.info("server")["redis_version"]
    for command in ("GET k", "SET k v", "KEYS *", "SCAN 0", "CONFIG SET save x", "MONITOR", "SLOWLOG GET"):
        with pytest.raises(redis.ResponseError):
            doctor.execute_command(*command.split())


def test_nobody_gets_in_without_a_password(server: EmbeddedRedis) -> None:
    for url in (f"unix://{server.socket}", f"unix://hams:wrong@{server.socket}", f"unix://default:x@{server.socket}"):
        with pytest.raises((redis.AuthenticationError, redis.ResponseError)):
            redis.Redis.from_url(url).ping()
    with pytest.raises(RedisUnreachable, match=r"^sign-in refused \(WRONGPASS\)$"):
        embedded.Client(f"unix://hams:wrong@{server.socket}")


def test_folder_socket_and_configuration_are_the_owners_alone_and_hold_no_password(server: EmbeddedRedis) -> None:
    run = server.socket.parent
    assert run.stat().st_mode & 0o777 == 0o700
    assert server.socket.stat().st_mode & 0o077 == 0
    config = run / "redis.conf"
    assert config.stat().st_mode & 0o777 == 0o600
    for url in (server.url, server.doctor_url):
        password = url.split("@")[0].rsplit(":", 1)[1]
        assert len(password) >= 32
        assert password not in config.read_text()
        assert password not in repr(server)


def test_what_was_stored_never_reaches_the_disk_not_even_when_the_server_ends(tmp_path: Path) -> None:
    canary = secrets.token_hex(16)
    with embedded.embedded_redis(tmp_path / "run") as server:
        client = redis.Redis.from_url(server.url)
        for number in range(2000):  # more writes than any of the stock save points needs
            client.set(f"k{number % 50}", canary)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["redis.conf"]
    assert canary.encode() not in left[0].read_bytes()


def test_each_start_has_new_passwords(tmp_path: Path) -> None:
    first, second = (embedded.prepare(tmp_path / "run", tmp_path / "run") for _ in range(2))
    assert first.url != second.url and first.doctor_url != second.doctor_url


def test_a_folder_with_spaces_and_quotes_works(tmp_path: Path) -> None:
    with embedded.embedded_redis(tmp_path / 'a "b" c' / "run") as server:
        assert server.is_up()


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / ("e" * 30) / "run"
    with embedded.embedded_redis(deep) as server:
        assert server.is_up()
        assert len(str(server.socket)) < 100
        assert server.socket.parent.stat().st_mode & 0o777 == 0o700
        assert (deep / "redis.conf").exists()


def test_a_server_that_is_away_is_unreachable_and_not_an_error_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(RedisUnreachable):
        embedded.configuration_problems(f"unix://doctor:x@{tmp_path / 'none.sock'}")
    assert not embedded.prepare(tmp_path / "run", tmp_path / "run").is_up()
