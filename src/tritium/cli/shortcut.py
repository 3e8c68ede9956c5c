"""`tritium serve` said plainly is understood without the library that reads command lines.

That library takes as long to load as the whole gateway does, and a server shall be there at once. Whatever isn't plain
(help, a mistake, an abbreviation) is the library's to read, so this needs to know neither all options nor their limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) < 65536 else None


_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--host": ("host", str),
    "--port": ("port", _port),
    "--config": ("config", Path),
}


def plain_serve(arguments: Sequence[str]) -> dict[str, Any] | None:
    """What `run_server` takes, of the arguments after the program's name; None if the library shall read them."""
    if not arguments or arguments[0] != "serve":
        return None
    settings: dict[str, Any] = {}
    rest = list(arguments[1:])
    while rest:
        option = rest.pop(0)
        if option == "--allow-public":
            settings["allow_public"] = True
            continue
        if option not in _OPTIONS or not rest or rest[0].startswith("-"):
            return None
        name, read = _OPTIONS[option]
        settings[name] = read(rest.pop(0))
        if settings[name] is None:
            return None
    return settings
