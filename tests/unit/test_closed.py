"""A wrong key or value is refused with its place, and a slip with what was meant."""

from __future__ import annotations

import pytest
from msgspec import Struct, field

from tritium.closed import closed
from tritium.errors import ConfigError, InvalidRequest


class Inner(Struct, forbid_unknown_fields=True):
    speed: int
    colour: str = "red"


class Outer(Struct, forbid_unknown_fields=True):
    name: str = ""
    engine: Inner | None = None
    wheels: list[Inner | str] = field(default_factory=list)
    lights: dict[str, Inner] = field(default_factory=dict)


def refusal(data: object) -> str:
    with pytest.raises(ConfigError) as caught:
        closed(Outer, data, where="car", error=ConfigError)
    return caught.value.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nmae": ""}, "car has no key 'nmae'. Did you mean 'name'?"),
        ({"engine": {"sped": 1}}, "car.engine has no key 'sped'. Did you mean 'speed'?"),
        ({"wheels": ["a", {"speed": 1, "color": ""}]}, "car.wheels[1] has no key 'color'. Did you mean 'colour'?"),
        ({"lights": {"left": {"sped": 1}}}, "car.lights has no key 'sped'. Did you mean 'speed'?"),
        ({"zzz": 1}, "car has no key 'zzz'."),
        ({"speed": 1}, "car has no key 'speed'. It is a key of 'engine'."),
        ({"engine": {"speed": 1, "lights": {}}}, "car.engine has no key 'lights'. It belongs at the outermost level."),
        ({"engine": {}}, "car.engine needs the key 'speed'."),
        ({"engine": {"speed": "fast"}}, "car.engine.speed: expected `int`, got `str`."),
        ({"engine": {"speed": "1"}}, "car.engine.speed: expected `int`, got `str`."),
        ([], "car: expected `object`, got `array`."),
    ],
)
def test_a_refusal_says_where_and_what_was_meant(data, message):
    assert refusal(data) == message


def test_what_is_right_becomes_typed():
    car = closed(Outer, {"wheels": ["spare", {"speed": 3}]}, where="car", error=ConfigError)

    assert car.wheels == ["spare", Inner(3)]


def test_the_caller_decides_which_error_it_is():
    with pytest.raises(InvalidRequest) as caught:
        closed(Outer, {"x": 1}, where="fusion", error=lambda message: InvalidRequest(message, param="fusion"))

    assert caught.value.param == "fusion"
