"""Newer list prices: fetched from the price catalogue's own address when the user says so, and never otherwise.

What was fetched is kept beside the database and read at the next start. It yields to the package's own prices as soon
as the package is upgraded: an upgrade brings newer ones along.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tritium.errors import TritiumError

NAME = "prices.json"
"""In the data folder."""

_SECONDS = 30.0


class PriceUpdateFailed(TritiumError):
    """The prices could not be fetched, or are none; those in force stay so."""


def update_prices(kept: Path) -> int:
    """Fetch the catalogue and keep it at `kept`; returns the number of models it prices.

    Raises:
        PriceUpdateFailed: there was no answer, or no catalogue in it; what was kept before stays.
    """
    import httpx2  # noqa: PLC0415 - heavy, and only for this
    from genai_prices.update_prices import DEFAULT_UPDATE_URL  # noqa: PLC0415

    try:
        answer = httpx2.get(DEFAULT_UPDATE_URL, timeout=_SECONDS, follow_redirects=True)
        answer.raise_for_status()
        raw = answer.json()
        providers = read_providers(raw)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise PriceUpdateFailed(f"The prices could not be fetched: {error}. Those in force stay so.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        first = str(error).partition("\n")[0]
        raise PriceUpdateFailed(
            f"What was fetched is no price catalogue: {first}. The prices in force stay so."
        ) from None
    kept.parent.mkdir(parents=True, exist_ok=True)
    beside = kept.with_suffix(".new")
    beside.write_text(json.dumps({"package": package_version(), "providers": raw}), "utf-8")
    os.replace(beside, kept)  # noqa: PTH105 - the same, and never half a file
    return sum(len(provider.models) for provider in providers)


def kept_providers(kept: Path) -> list[Any] | None:
    """The providers of the catalogue that was fetched last; None if there is none for this version of the package."""
    try:
        document = json.loads(kept.read_text("utf-8"))
        return read_providers(document["providers"]) if document["package"] == package_version() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # a damaged file costs newer prices, not the start


def read_providers(raw: Any) -> list[Any]:
    """A catalogue's JSON as the package's own objects.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    from genai_prices.types import _providers_from_raw  # noqa: PLC0415 - what its own update uses

    if not isinstance(raw, list) or not raw:
        raise ValueError("it is not a list of providers")
    return list(_providers_from_raw(raw))


def package_version() -> str:
    from genai_prices import __version__  # noqa: PLC0415

    return str(__version__)
