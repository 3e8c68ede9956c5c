"""`tritium serve`: the gateway over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tritium.cli import options

if TYPE_CHECKING:
    import asyncio
    import socket

    from tritium.app import Running
    from tritium.config import Config

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GRACE_SECONDS = 5
"""For answers under way when the server is told to stop."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="8484")] = None,
    config: options.ConfigFile = None,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Listen where other machines can reach it. There are no keys yet.")
    ] = False,
) -> None:
    """Serve the OpenAI-compatible API. Ctrl-C stops it."""
    import asyncio

    from msgspec.structs import replace

    settings = options.load(config)
    server = replace(
        settings.server,
        host=settings.server.host if host is None else host,
        port=settings.server.port if port is None else port,
    )
    _refuse_strangers(server.host, allow_public=allow_public)
    with _listening(server.host, server.port) as listener, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(replace(settings, server=server), listener))


def _refuse_strangers(host: str, *, allow_public: bool) -> None:
    from tritium.errors import ConfigError

    if host not in _LOOPBACK and not allow_public:
        raise ConfigError(
            f"Listening on {host!r} lets others in, and there are no keys yet: whoever reaches the port spends your "
            "money. Say --allow-public if only people you trust can reach it, or leave --host out."
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


async def _serve(settings: Config, listener: socket.socket) -> None:
    import uvicorn

    from tritium.app import running

    class Server(uvicorn.Server):
        def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
            return _stopped_by_signals(self)

    async with running(settings) as up:
        application = up.application()
        server = Server(
            uvicorn.Config(
                application,
                http="httptools",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        _announce(up, listener)
        await server.serve([listener])
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


def _announce(up: Running, listener: socket.socket) -> None:
    """Where it is, how it is used, who is on."""
    from tritium.cli.terminal import one_line

    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
    print(f"Tritium listens on {url}\n")
    print(f"  curl {url}/chat/completions \\")
    print("    -H 'Content-Type: application/json' \\")
    print("""    -d '{"model": "tritium/fusion", "messages": [{"role": "user", "content": "Hello!"}]}'\n""")
    panel = up.catalog.automatic_panel()
    if panel:
        print(f"tritium/fusion asks {', '.join(map(one_line, panel))}; `tritium models` lists who else is there.")
    else:
        print("No model is reachable yet: set a provider's key, or run `tritium models install full`.")
    print("Ctrl-C stops it.", flush=True)
