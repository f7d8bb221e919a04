"""The cache on Redis, which may stop, freeze or be full while the site runs: pages go on without it.

Meanwhile pages kept for visitors are not kept any more, and everything else, the limits on attempts first, is kept in
the process: a limit counts less exactly (each process for itself), it is never off.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from marketplace.patience.breaker import Breaker

TIMEOUT = 0.3  # seconds, to connect and to answer: a page that meets an outage waits twice that at most
# What the process does not keep in its place: large, only quicker to have than to make. Any other key may be a limit.
ONLY_THERE = ("page:", "flags:marks:")
MOST_KEPT = 10_000  # entries of the process's own
_UNAVAILABLE = (RedisError, OSError)
_breakers: dict[str, Breaker] = {}  # Django makes one cache a thread


class OptionalRedisCache(RedisCache):
    """Django's own, with short time-outs; what Redis cannot answer is answered by the process."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        short = {"socket_connect_timeout": TIMEOUT, "socket_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0)}
        super().__init__(server, {**params, "OPTIONS": short | params.get("OPTIONS", {})})
        self._here = _Own(server, {"OPTIONS": {"MAX_ENTRIES": MOST_KEPT}})
        self.breaker = _breakers.setdefault(server, Breaker("The cache (CACHE_URL)"))

    def _check(self) -> None:
        """A server that only refuses to write (full, or a replica) would answer counts that no longer grow."""
        self._cache.set(self.make_key("breaker"), 1, 1)

    def _ask(self, there: Callable[[], Any], here: Callable[[], Any]) -> Any:
        if self.breaker.allows(self._check, _UNAVAILABLE):
            try:
                return there()
            except _UNAVAILABLE as error:
                self.breaker.failed(error)
        return here()

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        args = (key, value, timeout, version)
        return bool(self._ask(partial(super().add, *args), partial(self._here.add, *args)))

    def get(self, key: str, default: Any = None, version: Any = None) -> Any:
        args = (key, default, version)
        return self._ask(partial(super().get, *args), partial(self._here.get, *args))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        args = (key, value, timeout, version)
        self._ask(partial(super().set, *args), partial(self._here.set, *args))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        args = (key, timeout, version)
        return bool(self._ask(partial(super().touch, *args), partial(self._here.touch, *args)))

    def delete(self, key: str, version: Any = None) -> bool:
        # In both: what was taken away must not come back with the next outage.
        here = self._here.delete(key, version)
        return bool(self._ask(partial(super().delete, key, version), lambda: here))

    def get_many(self, keys: Iterable[str], version: Any = None) -> dict[str, Any]:
        names = list(keys)
        found: dict[str, Any] = self._ask(
            partial(super().get_many, names, version), partial(self._here.get_many, names, version)
        )
        return found

    def has_key(self, key: str, version: Any = None) -> bool:
        return bool(self._ask(partial(super().has_key, key, version), partial(self._here.has_key, key, version)))

    def incr(self, key: str, delta: int = 1, version: Any = None) -> int:
        """ValueError when nobody has this key: a count begun on one side does not go on at the other."""
        args = (key, delta, version)
        return int(self._ask(partial(super().incr, *args), partial(self._here.incr, *args)))

    def set_many(self, data: dict[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[str]:
        args = (data, timeout, version)
        self._ask(partial(super().set_many, *args), partial(self._here.set_many, *args))
        return []

    def delete_many(self, keys: Iterable[str], version: Any = None) -> None:
        names = list(keys)
        self._here.delete_many(names, version)
        self._ask(partial(super().delete_many, names, version), lambda: None)

    def clear(self) -> None:
        self._here.clear()
        self._ask(super().clear, lambda: None)


class _Own(LocMemCache):
    """The process's own, without what is only quicker to have: a visitor who asks for thousands of pages must not push
    the limits out of it."""

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return not key.startswith(ONLY_THERE) and bool(super().add(key, value, timeout, version))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        if not key.startswith(ONLY_THERE):
            super().set(key, value, timeout, version)
