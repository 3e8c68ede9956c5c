"""Shared state of several replicas over Valkey or Redis: told and asked in one round trip every `EXCHANGE_SECONDS`.

Scripts run by the server's clock, so the replicas' clocks need not agree. An exchange whose answer is lost is told
again: what it drew may then count twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tritium.errors import ConfigError, StorageError
from tritium.shared import EXCHANGE_SECONDS, SharedHealth
from tritium.shared.lease import Demand, LeasedQuota
from tritium.shared.news import CooldownNews

_RETRY_SECONDS = 1.0
_BATCH_SECONDS = 0.005
"""Between somebody's hurry and the exchange: others may be in a hurry as well."""
_SERVER_SECONDS = 2.0
_CACHE_SECONDS = 0.25
"""A cached value that takes longer is none."""

_LEASE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local per_minute, debt, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(kept[1]) or per_minute, tonumber(kept[2]) or now
level = math.min(per_minute, level + math.max(0, now - at) * per_minute / 60)
level = math.min(per_minute, level - debt)
local granted = math.max(0, math.floor(math.min(wanted, level)))
level = level - granted
redis.call('HSET', KEYS[1], 'level', string.format('%.17g', level), 'at', string.format('%.17g', now))
redis.call('EXPIRE', KEYS[1], math.ceil((per_minute - level) * 60 / per_minute) + 60)
return {tostring(granted), string.format('%.17g', math.max(0, 1 - level) * 60 / per_minute)}
"""

_COOLDOWNS = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #ARGV, 2 do
  local milliseconds = tonumber(ARGV[i + 1])
  if milliseconds > 0 then
    redis.call('ZADD', KEYS[1], 'GT', now + milliseconds, ARGV[i])
  else
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local left = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 2, #left, 2 do left[i] = tostring(tonumber(left[i]) - now) end
return left
"""

_log = logging.getLogger(__name__)


class ValkeyShared:
    """A `Shared` over a server. Open and close it on the event loop where the cache is used."""

    def __init__(self, url: str, prefix: str) -> None:
        """Nothing is connected yet.

        Raises:
            ConfigError: the address can't be read.
        """
        try:
            self._client: Redis = Redis.from_url(
                f"redis{url.removeprefix('valkey')}" if url.startswith("valkey") else url,
                socket_timeout=_SERVER_SECONDS,
                socket_connect_timeout=_SERVER_SECONDS,
            )
        except ValueError:  # not quoted: it may hold a password
            raise ConfigError(
                "The address of the shared state's server can't be read. Write redis://USER:PASSWORD@HOST:PORT/NUMBER, "
                "rediss:// for TLS, or unix://PATH."
            ) from None
        self._prefix = prefix
        self._quotas: dict[str, LeasedQuota] = {}
        self._cooldowns = CooldownNews()
        self.cache = _ServerCache(self._client, f"{prefix}:cache:", lambda: self._fault is None)
        self._fault: str | None = None
        self._hurried = False
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def cooldowns(self) -> CooldownNews:
        return self._cooldowns

    def quota(self, name: str, per_minute: int) -> LeasedQuota:
        quota = self._quotas.get(name)
        if quota is None:
            quota = self._quotas.setdefault(name, LeasedQuota(per_minute, self._hurry))
            if self._fault is not None:
                quota.go_alone()
        quota.change(per_minute)
        return quota

    def health(self) -> SharedHealth:
        return SharedHealth(replicated=True, fault=self._fault)

    async def open(self) -> None:
        """Reach the server, and exchange from now on.

        Raises:
            StorageError: it can't be reached, or doesn't let us in.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await self._exchange(self._demands())
        except (RedisError, OSError) as error:
            await self._client.aclose()
            raise StorageError(
                f"The shared state's server can't be used: {_said(error)}. Check that it runs and that the variable "
                "named by shared.url_env holds its address; without `url_env` this replica keeps to itself."
            ) from error
        self._task = asyncio.create_task(self._go_on())

    async def close(self) -> None:
        """Tell the last, give back what was leased, and disconnect."""
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            # Asked rather than cancelled: an exchange under way is heard to its end.
            await asyncio.wait([self._task], timeout=2 * _SERVER_SECONDS)
            self._task.cancel()
        try:
            if self._fault is None:
                returned = [(name, quota, quota.remainder()) for name, quota in self._quotas.items()]
                await self._exchange([(name, quota, demand) for name, quota, demand in returned if demand])
        except (RedisError, OSError) as error:
            _log.warning("The shared state's server did not hear our last: %s", _said(error))
        finally:
            await self._client.aclose()

    def _hurry(self) -> None:
        if not self._hurried and self._loop is not None:
            self._hurried = True
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._wake.set)

    async def _go_on(self) -> None:
        while not self._closing.is_set():
            await self._pause()
            try:
                await self._exchange(self._demands())
            except (RedisError, OSError) as error:
                self._lost(_said(error))
            else:
                self._found()

    async def _pause(self) -> None:
        if self._fault is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _RETRY_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(EXCHANGE_SECONDS):
                await self._wake.wait()
                await asyncio.sleep(_BATCH_SECONDS)
        self._wake.clear()
        self._hurried = False

    def _demands(self) -> list[tuple[str, LeasedQuota, Demand]]:
        demands = [(name, quota, quota.demand()) for name, quota in list(self._quotas.items())]
        return [(name, quota, demand) for name, quota, demand in demands if demand is not None]

    async def _exchange(self, demands: Sequence[tuple[str, LeasedQuota, Demand]]) -> None:
        """Tell everything that is new and hear everything that we want to know, in one round trip."""
        begun = self._cooldowns.take()
        pipeline = self._client.pipeline(transaction=False)
        for name, quota, demand in demands:
            key = f"{self._prefix}:quota:{name}"
            pipeline.eval(_LEASE, 1, key, quota.per_minute, repr(demand.debt), repr(demand.wanted))
        changes = [part for name, seconds in begun.items() for part in (name, max(0, int(seconds * 1000)))]
        pipeline.eval(_COOLDOWNS, 1, f"{self._prefix}:cooldowns", *changes)
        try:
            replies = await pipeline.execute()
        except BaseException:
            self._cooldowns.keep(begun)
            raise
        heard = iter(replies)
        for _, quota, demand in demands:
            units, wait_seconds = next(heard)
            quota.grant(demand, float(units), float(wait_seconds))
        self._cooldowns.heard(_pairs(next(heard)))

    def _lost(self, fault: str) -> None:
        if self._fault is None:
            _log.error("The shared state's server is away, each replica goes on by itself. %s", fault)
        self._fault = fault
        for quota in self._quotas.values():
            quota.go_alone()

    def _found(self) -> None:
        if self._fault is not None:
            self._fault = None
            _log.warning("The shared state's server is back.")
            for quota in self._quotas.values():
                quota.rejoin()


class _ServerCache:
    """A `Cache` on the server, so that all replicas find the same."""

    def __init__(self, client: Redis, prefix: str, reachable: Callable[[], bool]) -> None:
        self._client = client
        self._prefix = prefix
        self._reachable = reachable

    async def get(self, name: str) -> bytes | None:
        found: bytes | None = await self._asked("get", name)
        return found

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        if seconds > 0:
            await self._asked("set", name, value, px=max(1, int(seconds * 1000)))
        else:
            await self.remove(name)

    async def remove(self, name: str) -> None:
        await self._asked("unlink", name)

    async def _asked(self, command: str, name: str, *arguments: Any, **options: Any) -> Any:
        """What the server says; None if it doesn't in time."""
        if not self._reachable():
            return None
        try:
            async with asyncio.timeout(_CACHE_SECONDS):
                return await getattr(self._client, command)(self._prefix + name, *arguments, **options)
        except (RedisError, OSError):  # TimeoutError is an OSError
            return None


def _pairs(flat: Sequence[bytes]) -> dict[str, float]:
    """Names with seconds, from names and milliseconds in turn."""
    return {name.decode(): float(milliseconds) / 1000 for name, milliseconds in zip(flat[::2], flat[1::2], strict=True)}


def _said(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
