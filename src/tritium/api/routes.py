"""Which path goes to whom: every route of the API in one table, under `/v1` and `/api/v1` alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from tritium.api import records
from tritium.api.chat import chat_completions
from tritium.api.health import health
from tritium.api.models import models
from tritium.api.visit import Handler
from tritium.errors import MethodNotAllowed, NotFound

ROUTES: dict[str, dict[str, Handler]] = {
    "/chat/completions": {"POST": chat_completions},
    "/models": {"GET": models},
    "/generation": {"GET": records.generation},
    "/fusion/runs": {"GET": records.runs},
    "/fusion/runs/{id}": {"GET": records.run},
    "/health": {"GET": health},
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
            if len(pattern) == len(segments):
                pairs = list(zip(pattern, segments, strict=True))
                if all(want == have or (want.startswith("{") and have) for want, have in pairs):
                    return methods, {want[1:-1]: unquote(have) for want, have in pairs if want.startswith("{")}
        return None, {}


def _either(methods: Iterable[str]) -> str:
    return " or ".join(sorted(methods))
