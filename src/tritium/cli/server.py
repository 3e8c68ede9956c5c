"""The gateway over HTTP, from its settings until it is told to stop.

Nothing here knows the library that reads command lines: a server, and each of its workers, starts without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    import socket
    from multiprocessing.connection import Connection

    from tritium.cli.workers import Order, Orders
    from tritium.config import Config

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COLLECT_AFTER = (200_000, 20, 50)
_OPEN_FILES = 65_536
_GRACE_SECONDS = 5
"""For answers under way when the server is told to stop."""


def run_server(
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    config: Path | None = None,
    allow_public: bool = False,
) -> None:
    """Serve until told to stop. What is None stands in the configuration.

    Raises:
        TritiumError: it can't; the message says what to do.
        SystemExit: its workers failed.
    """
    import asyncio
    import os

    from msgspec.structs import replace

    from tritium.config import find_config, load_config

    settings = load_config(find_config(config, os.environ))
    _allow_many_connections()
    server = replace(
        settings.server,
        host=settings.server.host if host is None else host,
        port=settings.server.port if port is None else port,
        workers=settings.server.workers if workers is None else workers,
    )
    settings = replace(settings, server=server)
    if server.host not in _LOOPBACK and not allow_public:
        _refuse_strangers(settings)
        # Also when the last key is deleted while it runs.
        settings = replace(settings, accounts=replace(settings.accounts, require_key=True))
    with _listening(server.host, server.port) as listener:
        if server.workers > 1:
            _serve_by_workers(settings, listener)
            return
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, listener, partial(_announce, listener), _stopped_by_signals))


def _allow_many_connections() -> None:
    """Raise the limit on open files, mostly 1,024, as far as we may: a stream takes two, for client and provider.

    The limit is so low for the sake of programs that call select(2); event loops don't.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # a system may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _serve_by_workers(settings: Config, listener: socket.socket) -> None:
    import sys

    from tritium.cli.workers import Workers

    code = Workers(settings.server.workers, work, (settings, listener), partial(_announce, listener)).run()
    if code:
        sys.exit(code)


def work(control: Connection, settings: Config, listener: socket.socket) -> None:
    """All that a worker's process does; `control` leads to its parent."""
    import asyncio
    import sys

    from tritium.cli.exits import exit_code
    from tritium.cli.workers import Failed, Orders, Ready, ignore_interrupts
    from tritium.errors import TritiumError

    ignore_interrupts()
    orders = Orders(control)

    def ready(panel: Sequence[str]) -> None:
        orders.say(Ready(list(panel)))

    try:
        with listener, asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, listener, ready, partial(_stopped_by_orders, orders)))
    except TritiumError as error:
        orders.say(Failed(error.message, exit_code(error)))
        sys.exit(exit_code(error))


def _refuse_strangers(settings: Config) -> None:
    """Others are let in only where they need a key.

    Raises:
        ConfigError: they would need none.
    """
    from tritium.accounts.key_table import KeyTable
    from tritium.errors import ConfigError
    from tritium.storage.database import Database

    if settings.accounts.require_key:
        return
    database = Database.open(settings.database_location())
    try:
        keys = KeyTable(database).any()
    finally:
        database.close()
    if not keys:
        raise ConfigError(
            f"Listening on {settings.server.host!r} lets others in, and there are no keys yet: whoever reaches the "
            "port spends your money. Make a key (tritium keys create NAME), leave --host out, or say --allow-public if "
            "only people you trust can reach it."
        )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket of our own before anything is loaded: a taken port is known at once."""
    import os
    import socket

    from tritium.errors import TritiumError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        hint = f" Stop what uses it, or take another: tritium serve --port {port + 1}." if _taken(error) else ""
        raise TritiumError(f"Can't listen on {host}:{port}: {os.strerror(error.errno or 0)}.{hint}") from None
    with listener:
        yield listener


def _taken(error: OSError) -> bool:
    import errno

    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    settings: Config,
    listener: socket.socket,
    announce: Callable[[Sequence[str]], None],
    stopped: Callable[[Any], AbstractContextManager[None]],
) -> None:
    """Until `stopped`, which sees to uvicorn's server being told to stop; `announce` is given the automatic panel."""
    import asyncio
    import gc

    # What loading and requests leave is freed as it goes: the collector, which looks for cycles, may come rarely.
    gc.set_threshold(*_COLLECT_AFTER)

    import uvicorn

    from tritium.api.lane import Lane, cut_off_the_slow
    from tritium.app import running

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            with stopped(self):
                announce(up.catalog.automatic_panel())  # only now: whoever knows that we are up may tell us to stop
                yield

    async with running(settings) as up:
        application = up.application()
        server = Server(
            uvicorn.Config(
                application,
                http=Lane,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        # What was loaded stays: no collection needs to walk through it again.
        gc.freeze()
        guard = asyncio.create_task(cut_off_the_slow(server.server_state.connections))
        await server.serve([listener])
        guard.cancel()
        await application.drain()


@contextmanager
def _stopped_by_signals(server: Any) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM lets answers end, the second doesn't wait; neither is a failure.

    In place of uvicorn's own handling, which raises the signal again while the gateway is being closed.
    """
    import signal

    def stop(_signal: int, _frame: object) -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _stopped_by_orders(orders: Orders, server: Any) -> Iterator[None]:
    """The same for a worker: its parent says what a signal means. One of its own lets answers end, however often."""
    import signal

    def obey(order: Order) -> None:
        server.force_exit = order == "hurry"
        server.should_exit = True

    before = signal.signal(signal.SIGTERM, lambda *_: obey("finish"))
    orders.obeyed(obey)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _announce(listener: socket.socket, panel: Sequence[str]) -> None:
    """Where it is, how it is used, who is on."""
    from tritium.cli.terminal import one_line

    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
    print(f"Tritium listens on {url}\n")
    print(f"  curl {url}/chat/completions \\")
    print("    -H 'Content-Type: application/json' \\")
    print("""    -d '{"model": "tritium/fusion", "messages": [{"role": "user", "content": "Hello!"}]}'\n""")
    if panel:
        print(f"tritium/fusion asks {', '.join(map(one_line, panel))}; `tritium models` lists who else is there.")
    else:
        print("No model is reachable yet: set a provider's key, or run `tritium models install full`.")
    print("Ctrl-C stops it.", flush=True)
