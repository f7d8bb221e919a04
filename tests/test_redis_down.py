"""Redis is optional while it runs: stopped, frozen, full or back, pages go on, and no limit is ever off."""

import os

import pytest
from django.core.cache import cache, caches
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeout

from marketplace import cache as page_cache
from marketplace import keep
from marketplace.dates import clock
from marketplace.patience.breaker import LOG_EVERY, SECONDS, Breaker
from marketplace.redis import cache as redis_cache
from tests.cast import PASSWORD
from tests.test_callers import asked
from tests.test_later import closed, connections_to, frozen  # noqa: F401 - fixtures

BACKEND = "marketplace.redis.cache.OptionalRedisCache"


@pytest.fixture(autouse=True)
def _new_breakers(monkeypatch):
    monkeypatch.setattr(redis_cache, "_breakers", {})


@pytest.fixture
def watch(monkeypatch):
    """This process's watch, which the test moves."""

    class Watch:
        seconds = 1000.0

    monkeypatch.setattr(clock, "elapsed", lambda: Watch.seconds)
    return Watch


@pytest.fixture
def use(settings):
    """The site's cache is on this server."""

    def at(url):
        settings.CACHES = {"default": {"BACKEND": BACKEND, "LOCATION": url}}
        caches["default"]._here.clear()
        return caches["default"]

    return at


class Server:
    """Redis, in a dictionary: what it holds, what it refuses."""

    def __init__(self):
        self.held, self.error, self.full, self.asked = {}, None, None, 0

    def _met(self, writes):
        self.asked += 1
        error = self.error or (writes and self.full)
        if error:
            raise error

    def get(self, key, default):
        self._met(False)
        return self.held.get(key, default)

    def has_key(self, key):
        self._met(False)
        return key in self.held

    def get_many(self, keys):
        self._met(False)
        return {key: self.held[key] for key in keys if key in self.held}

    def set(self, key, value, timeout):
        self._met(True)
        self.held[key] = value

    def set_many(self, data, timeout):
        self._met(True)
        self.held |= data

    def add(self, key, value, timeout):
        self._met(True)
        return self.held.setdefault(key, value) is value

    def touch(self, key, timeout):
        self._met(True)
        return key in self.held

    def delete(self, key):
        self._met(True)
        return self.held.pop(key, None) is not None

    def delete_many(self, keys):
        for key in keys:
            self.delete(key)

    def incr(self, key, delta):
        self._met(True)
        if key not in self.held:
            raise ValueError(key)
        self.held[key] += delta
        return self.held[key]

    def clear(self):
        self._met(True)
        self.held.clear()


@pytest.fixture
def server(use, monkeypatch):
    it = Server()
    monkeypatch.setattr(redis_cache.OptionalRedisCache, "_cache", it)
    use("redis://cache.invalid/0")
    return it


# --- Every operation, without the server -----------------------------------------------------------------------------
def work(them):
    """What each operation of a cache answers, in order."""
    them.set("a", 1, 60)
    yield them.get("a"), them.get("b", "none"), them.has_key("a"), "a" in them, "b" in them
    yield them.add("a", 2, 60), them.add("c", [3], 60), them.get_many(["a", "b", "c"])
    yield them.incr("a"), them.decr("a", 2), them.touch("a", 60), them.touch("b", 60)
    yield them.get_or_set("d", 4, 60), them.set_many({"e": 5, "f": 6}, 60), them.get_many(iter(["e", "f"]))
    yield them.delete("a"), them.delete("a"), them.delete_many(iter(["e", "b"])), them.get_many(["a", "e", "f"])
    them.clear()
    yield them.get_many(["c", "d", "f"])


@pytest.mark.parametrize("state", ["stopped", "frozen", "answers", "real"])
def test_each_operation_answers(request, state, use, monkeypatch):
    if state == "real":
        url = os.environ.get("TEST_REDIS_URL") or pytest.skip("needs Redis")
        them = use(url.rpartition("/")[0] + "/9")  # a base that nothing else uses: it is emptied below
    elif state == "answers":
        monkeypatch.setattr(redis_cache.OptionalRedisCache, "_cache", Server())
        them = use("redis://cache.invalid/0")
    else:
        them = use(request.getfixturevalue("closed") if state == "stopped" else request.getfixturevalue("frozen")[0])
    assert list(work(them)) == [
        (1, "none", True, True, False),
        (False, True, {"a": 1, "c": [3]}),
        (2, 0, True, False),
        (4, [], {"e": 5, "f": 6}),
        (True, False, None, {"f": 6}),
        {},
    ]
    with pytest.raises(ValueError, match="absent"):
        them.incr("absent")
    assert them.breaker.allows() is (state in {"answers", "real"})


def test_a_frozen_server_is_waited_for_once(use, frozen):  # noqa: F811
    url, listener = frozen
    them = use(url)
    for number in range(30):
        them.set(f"k{number}", number, 60)
    assert connections_to(listener) == 1 and them.get("k29") == 29


def test_the_time_outs_are_short(use, closed):  # noqa: F811
    them = use(closed)
    options = them._cache._get_connection_pool(True).connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == redis_cache.TIMEOUT < 0.5
    assert options["retry"].get_retries() == 0


def test_it_is_asked_again_after_some_seconds(server, watch):
    cache.set("a", "kept", 60)
    server.error = RedisTimeout("redis://:secret@x")
    assert cache.get("a") is None and server.asked == 2
    watch.seconds += SECONDS - 0.1
    cache.get("a")
    assert server.asked == 2
    watch.seconds += 0.2
    assert cache.get("a") is None and server.asked == 3  # one asks first, and still fails
    server.error = None
    assert cache.get("a") is None and server.asked == 3
    watch.seconds += SECONDS + 0.1
    assert cache.get("a") == "kept"


def test_one_caller_tries_and_the_others_go_without(watch):
    breaker, during = Breaker("x"), []
    breaker.failed(OSError())
    watch.seconds += SECONDS + 1
    assert breaker.allows(lambda: during.append(breaker.allows()))
    assert during == [False] and breaker.allows()


def test_an_outage_is_told_once_a_minute_and_without_its_address(watch, caplog):
    breaker = Breaker("The cache")
    for _second in range(int(LOG_EVERY) + 1):
        breaker.failed(OSError("redis://:secret@x"))
        watch.seconds += 1
    breaker.works()
    breaker.works()
    told = [record.getMessage() for record in caplog.records if record.name.endswith("breaker")]
    assert [text.split(" (")[0] for text in told] == ["The cache does not answer"] * 2 + ["The cache answers again."]
    assert "secret" not in caplog.text


# --- Limits ----------------------------------------------------------------------------------------------------------
def test_pages_of_visitors_do_not_push_limits_out(use, closed, monkeypatch):  # noqa: F811
    monkeypatch.setattr(redis_cache, "MOST_KEPT", 10)
    them = use(closed)
    them.set("limit", 5, 60)
    for number in range(50):
        them.set(f"page:{number}", "x", 60)
        them.add(f"flags:marks:{number}", "x", 60)
    assert them.get("limit") == 5 and not them.get_many([f"page:{number}" for number in range(50)])


@pytest.mark.parametrize("error", [OutOfMemoryError("used > maxmemory"), ReadOnlyError("replica")])
def test_a_server_that_only_reads_does_not_stop_a_count(server, watch, error):
    """It would answer the same count for ever: nobody is asked until it writes again."""
    cache.set("count", 3, 60)
    server.full = error
    assert cache.add("other", 1, 60)
    for _attempt in range(9):
        cache.set("count", (cache.get("count") or 0) + 1, 60)
        watch.seconds += SECONDS + 1
    assert cache.get("count") == 9 and server.held[cache.make_key("count")] == 3


@pytest.mark.parametrize("state", ["stopped", "frozen"])
def test_sign_in_works_and_is_limited(request, cast, client, settings, use, state):
    use(request.getfixturevalue("closed") if state == "stopped" else request.getfixturevalue("frozen")[0])
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "4/5m/key"}
    person = cast.buyer

    def post(password):
        return client.post("/compte/login/", {"login": person.email, "password": password})

    texts = [post("faux").content.decode() for _attempt in range(6)]
    blocked = ["Trop d’essais" in text for text in texts]
    assert blocked[0] is False and blocked[-1] is True
    assert "Trop d’essais" in post(PASSWORD).content.decode()  # even the right one
    caches["default"].clear()
    assert post(PASSWORD).status_code == 302


def test_a_count_that_changed_sides_goes_on(server, watch, monkeypatch):
    """keep.py adds, then counts: between the two the server stopped, or came back."""
    request = asked()
    request.COOKIES["sessionid"] = "x"
    assert keep._ours(request) and keep._ours(request)
    monkeypatch.setattr(server, "add", lambda *args: True)  # says yes, and loses it
    server.held.clear()
    assert keep._ours(request)
    server.error = RedisTimeout()
    assert [keep._ours(request) for _attempt in range(keep._PER_HOUR + 2)].count(False) == 2


# --- Pages -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["stopped", "frozen"])
def test_public_and_private_pages_answer(request, cast, client, use, state):
    notice = cast.published()
    use(request.getfixturevalue("closed") if state == "stopped" else request.getfixturevalue("frozen")[0])
    for path in ("/", "/occasions/", f"/occasions/{notice.number}/", "/registre/"):
        assert [client.get(path).status_code for _time in range(2)] == [200, 200], path
    client.force_login(cast.buyer)
    assert client.get("/a-faire/").status_code == 200
    assert page_cache.SECONDS == 15  # what the pages above would have been kept for
