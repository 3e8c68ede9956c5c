"""Exit codes: 0 it worked, 1 it failed, 2 it was asked wrongly, 130 it was interrupted."""

from __future__ import annotations

from typing import Final

from tritium.errors import ConfigError, RequestError, TritiumError

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130


def exit_code(error: TritiumError) -> int:
    """2 where the person at the keyboard can put it right by asking differently, else 1."""
    if isinstance(error, (ConfigError, RequestError)):
        return MISUSED
    from tritium.providers.local import faults

    asked_wrongly = (faults.UnknownPack, faults.NotAModel, faults.NameTaken, faults.NotInstalled)
    return MISUSED if isinstance(error, asked_wrongly) else FAILED
