"""Finding a handler: exact paths first, names of models with all their slashes, and what is wrong said plainly."""

from __future__ import annotations

import pytest

from tritium.api.routes import ROUTES, Router
from tritium.errors import MethodNotAllowed, NotFound


async def handler(_: object) -> None: ...


async def other(_: object) -> None: ...


def router(*paths: str) -> Router:
    return Router({path: {"GET": handler} for path in paths})


@pytest.mark.parametrize(
    ("pattern", "path", "arguments"),
    [
        ("/a", "/a", {}),
        ("/a/{id}", "/a/7", {"id": "7"}),
        ("/a/{id}/b", "/a/x%20y/b", {"id": "x y"}),
        ("/m/{name*}", "/m/one", {"name": "one"}),
        ("/m/{name*}", "/m/one/two/three", {"name": "one/two/three"}),
        ("/m/{name*}/end", "/m/one/two/end", {"name": "one/two"}),
        ("/m/{name*}/end", "/m/end/end", {"name": "end"}),
        ("/m/{name*}", "/m/one%2Ftwo", {"name": "one/two"}),
    ],
)
def test_a_pattern_says_what_its_names_stand_for(pattern, path, arguments):
    assert router(pattern).find("GET", path) == (handler, arguments)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("/a/{id}", "/a"), ("/a/{id}", "/a/"), ("/a/{id}", "/a/1/2"), ("/m/{name*}/end", "/m/end"), ("/m/{name*}", "/m")],
)
def test_what_no_pattern_fits_is_not_found(pattern, path):
    with pytest.raises(NotFound):
        router(pattern).find("GET", path)


def test_an_exact_path_wins_and_then_the_pattern_that_stands_first():
    found = Router({"/m/{name*}/end": {"GET": other}, "/m/{name*}": {"GET": handler}, "/m/count": {"GET": other}})

    assert found.find("GET", "/m/count")[0] is other
    assert found.find("GET", "/m/a/end")[0] is other
    assert found.find("GET", "/m/a/b")[0] is handler


def test_another_method_is_not_the_same_as_nothing():
    with pytest.raises(MethodNotAllowed, match="takes GET, not POST"):
        router("/a").find("POST", "/a")


def test_the_narrower_pattern_stands_before_the_wider_one():
    paths = list(ROUTES)

    assert paths.index("/models/{name*}/endpoints") < paths.index("/models/{name*}")
