"""GET /presets and what belongs to each: the presets of the configuration, in OpenRouter's shapes.

They are made, changed and dropped there and not over HTTP, so each has one version, and nobody knows when it was made.
"""

from __future__ import annotations

from typing import Any

from tritium.api.models import whole_number
from tritium.api.visit import Visit
from tritium.errors import NotFound, suggestion
from tritium.routing.presets import Preset

_NEVER = "1970-01-01T00:00:00Z"
_VERSION = "1"
_USUAL_ROWS, _MOST_ROWS = 50, 100


async def list_presets(visit: Visit) -> None:
    """All of them, a page at a time.

    Raises:
        InvalidRequest: `offset` or `limit` is no such number.
    """
    slugs = list(visit.services.gateway.catalog.presets)
    start = whole_number(visit, "offset", 0, None) or 0
    size = whole_number(visit, "limit", 1, _MOST_ROWS) or _USUAL_ROWS
    await visit.json(
        {"data": [_preset_object(slug) for slug in slugs[start : start + size]], "total_count": len(slugs)}
    )


async def preset(visit: Visit) -> None:
    """One, with what it holds.

    Raises:
        NotFound: there is none of that name.
    """
    slug, found = _named(visit)
    await visit.json({"data": {**_preset_object(slug), "designated_version": _version_object(slug, found)}})


async def versions(visit: Visit) -> None:
    """The one there is.

    Raises:
        NotFound: there is no preset of that name.
    """
    await visit.json({"data": [_version_object(*_named(visit))], "total_count": 1})


async def version(visit: Visit) -> None:
    """One version by its number.

    Raises:
        NotFound: there is no such preset, or no such version of it.
    """
    slug, found = _named(visit)
    wanted = visit.arguments["version"]
    if wanted != _VERSION:
        raise NotFound(f"The preset {slug!r} has no version {wanted!r}: those of a configuration have only {_VERSION}.")
    await visit.json({"data": _version_object(slug, found)})


def _named(visit: Visit) -> tuple[str, Preset]:
    slug = visit.arguments["slug"]
    presets = visit.services.gateway.catalog.presets
    if slug not in presets:
        raise NotFound(
            f"There is no preset {slug!r}.{suggestion(slug, presets)} Presets stand under [presets.NAME] in the "
            "configuration."
        )
    return slug, presets[slug]


def _preset_object(slug: str) -> dict[str, Any]:
    return {
        "id": slug,
        "slug": slug,
        "name": slug,
        "description": None,
        "status": "active",
        "status_updated_at": None,
        "designated_version_id": _version_id(slug),
        "created_at": _NEVER,
        "updated_at": _NEVER,
        "creator_user_id": None,
        "workspace_id": None,
    }


def _version_object(slug: str, found: Preset) -> dict[str, Any]:
    """`config` is what a request gets that names it, but for the system prompt."""
    config: dict[str, Any] = {
        "model": found.model,
        "models": list(found.models),
        "provider": found.provider,
        "tools": list(found.tools),
        **found.parameters,
    }
    return {
        "id": _version_id(slug),
        "preset_id": slug,
        "creator_id": "configuration",
        "version": int(_VERSION),
        "system_prompt": found.system_prompt,
        "config": {name: value for name, value in config.items() if value not in (None, [], {})},
        "created_at": _NEVER,
        "updated_at": _NEVER,
    }


def _version_id(slug: str) -> str:
    return f"{slug}@{_VERSION}"
