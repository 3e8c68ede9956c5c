"""Which path goes to whom: every route of the API in one table, under `/v1` and `/api/v1` alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from tritium.api import auth, keys, models, presets, records, vectors
from tritium.api.chat import chat_completions
from tritium.api.credits import activity, credits_
from tritium.api.endpoints import endpoints
from tritium.api.fusion_quote import explain
from tritium.api.health import health
from tritium.api.legacy_completions import completions
from tritium.api.messages.handler import count_tokens, messages
from tritium.api.openapi import openapi
from tritium.api.replays import replay
from tritium.api.responses.handler import responses
from tritium.api.run_events import run_events
from tritium.api.visit import Handler
from tritium.errors import MethodNotAllowed, NotFound

ROUTES: dict[str, dict[str, Handler]] = {
    "/chat/completions": {"POST": chat_completions},
    "/completions": {"POST": completions},
    "/responses": {"POST": responses},
    "/messages": {"POST": messages},
    "/messages/count_tokens": {"POST": count_tokens},
    "/embeddings": {"POST": vectors.embeddings},
    "/embeddings/models": {"GET": models.embeddings},
    "/rerank": {"POST": vectors.rerank},
    "/models": {"GET": models.models},
    "/models/count": {"GET": models.count},
    "/models/user": {"GET": models.of_caller},
    "/models/{name*}/endpoints": {"GET": endpoints},
    "/models/{name*}": {"GET": models.retrieve},
    "/model/{name*}": {"GET": models.model},
    "/providers": {"GET": models.providers},
    "/presets": {"GET": presets.list_presets},
    "/presets/{slug}": {"GET": presets.preset},
    "/presets/{slug}/versions": {"GET": presets.versions},
    "/presets/{slug}/versions/{version}": {"GET": presets.version},
    "/generation": {"GET": records.generation},
    "/fusion/explain": {"POST": explain},
    "/fusion/runs": {"GET": records.runs},
    "/fusion/runs/{id}": {"GET": records.run},
    "/fusion/runs/{id}/events": {"GET": run_events},
    "/fusion/runs/{id}/replay": {"POST": replay},
    "/keys": {"GET": keys.list_keys, "POST": keys.create},
    "/keys/{hash}": {"GET": keys.key_of_hash, "PATCH": keys.change, "DELETE": keys.delete},
    "/key": {"GET": keys.current_key},
    "/credits": {"GET": credits_},
    "/activity": {"GET": activity},
    "/auth/keys": {"POST": auth.redeem_code},
    "/auth/keys/code": {"POST": auth.create_code},
    "/health": {"GET": health},
    "/openapi.json": {"GET": openapi},
}


class Router:
    """Exact paths by look-up, patterns by their segments."""

    def __init__(self, routes: Mapping[str, Mapping[str, Handler]]) -> None:
        self._exact = {path: methods for path, methods in routes.items() if "{" not in path}
        self._patterns = [(path.split("/"), methods) for path, methods in routes.items() if "{" in path]
        self._known = ", ".join(sorted(routes))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler, and what the pattern's names stand for.

        Raises:
            NotFound: nothing is there.
            MethodNotAllowed: something is, for other methods.
        """
        methods = self._exact.get(path)
        arguments: dict[str, str] = {}
        if methods is None:
            methods, arguments = self._matching(path)
        if methods is None:
            raise NotFound(f"There is nothing at {path!r}. Under /v1 and /api/v1 there is {self._known}.")
        handler = methods.get(method)
        if handler is None:
            raise MethodNotAllowed(f"{path} takes {_either(methods)}, not {method}.")
        return handler, arguments

    def _matching(self, path: str) -> tuple[Mapping[str, Handler] | None, dict[str, str]]:
        segments = path.split("/")
        for pattern, methods in self._patterns:
            arguments = _arguments(pattern, segments)
            if arguments is not None:
                return methods, arguments
        return None, {}


def _arguments(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """What the names in a pattern stand for; `{name*}` for several segments, as a model's name is `author/slug`."""
    wide = next((place for place, want in enumerate(pattern) if want.endswith("*}")), None)
    if wide is not None:
        end = len(segments) - (len(pattern) - wide - 1)
        segments = [*segments[:wide], "/".join(segments[wide:end]), *segments[end:]]
    if len(pattern) != len(segments):
        return None
    pairs = list(zip(pattern, segments, strict=True))
    if not all(want == have or (want.startswith("{") and have) for want, have in pairs):
        return None
    return {want.strip("{*}"): unquote(have) for want, have in pairs if want.startswith("{")}


def _either(methods: Iterable[str]) -> str:
    return " or ".join(sorted(methods))
