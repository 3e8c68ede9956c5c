"""Units of measure: many spellings, one symbol; and how much one unit is of another of its kind.

A dollar sign is no unit here: models put it around formulas and in front of any amount of money. A counted noun
("7 puppies") is none either: the question has named it.
"""

from __future__ import annotations

import re
from fractions import Fraction

_SPELLINGS = """
length mm 1/1000 mm millimeter millimeters millimetre millimetres
length cm 1/100 cm centimeter centimeters centimetre centimetres
length m 1 m meter meters metre metres
length km 1000 km kilometer kilometers kilometre kilometres kms
length in 254/10000 in inch inches
length ft 3048/10000 ft foot feet
length yd 9144/10000 yd yard yards
length mi 1609344/1000 mi mile miles
mass mg 1/1000000 mg milligram milligrams
mass g 1/1000 g gram grams gramme grammes
mass kg 1 kg kilogram kilograms kilo kilos kgs
mass lb 45359237/100000000 lb lbs pound pounds
mass oz 45359237/1600000000 oz ounce ounces
mass t 1000 tonne tonnes
time ms 1/1000 ms millisecond milliseconds
time s 1 s sec secs second seconds
time min 60 min mins minute minutes
time h 3600 h hr hrs hour hours
time d 86400 day days
time wk 604800 week weeks
month mo 1 month months
month yr 12 year years yr yrs
volume ml 1/1000 ml milliliter milliliters millilitre millilitres
volume l 1 l liter liters litre litres
volume gal 3785411784/1000000000 gal gallon gallons
celsius °c 1 °c celsius centigrade
fahrenheit °f 1 °f fahrenheit
kelvin kelvin 1 kelvin kelvins
angle ° 1 ° deg degree degrees
ratio % 1/100 % percent pct percentage
currency-eur EUR 1 € eur euro euros
currency-gbp GBP 1 £ gbp
currency-jpy JPY 1 ¥ jpy yen
currency-inr INR 1 ₹ inr rs rupee rupees
cents ¢ 1 ¢ cent cents
energy joule 1 joule joules
energy kJ 1000 kj kilojoule kilojoules
energy kWh 3600000 kwh
heat kcal 1 kcal kilocalorie kilocalories
power watt 1 watt watts
power kW 1000 kw kilowatt kilowatts
force newton 1 newton newtons
frequency Hz 1 hz hertz
potential volt 1 volt volts
data byte 1 byte bytes
data kB 1000 kb kilobyte kilobytes
data MB 1000000 mb megabyte megabytes
data GB 1000000000 gb gigabyte gigabytes
data TB 1000000000000 tb terabyte terabytes
"""
"""Kind, symbol, size in the kind's base, spellings (lower case)."""

_ROWS = [line.split() for line in _SPELLINGS.split("\n") if line]
SYMBOL = {spelling: row[1] for row in _ROWS for spelling in row[3:]}
SIZE: dict[str, tuple[str, Fraction]] = {row[1]: (row[0], Fraction(row[2])) for row in _ROWS}
_WHOLE = {"mph": "mi/h", "kph": "km/h", "kmh": "km/h", "kmph": "km/h", "mpg": "mi/gal", "sqft": "ft^2", "cc": "cm^3"}
_WORDS_TOO = frozenset(("in", "m", "s", "h", "g", "l", "min", "second", "seconds", "d"))
"""Also words, or letters of formulas: a unit only where nothing follows."""

_WORD_NEXT = re.compile(r"\s{1,3}(?!(?:per|an?|and)\b)[A-Za-z]")
_WORD = re.compile(r"[A-Za-z°%€£¥₹¢]+")
_POWER = re.compile(r"\^?([23])(?!\d)")
_DEGREES = re.compile(r"^(?:degrees?|deg|°)\s{0,2}(celsius|fahrenheit|c|f)\b", re.IGNORECASE)


def unit_at(text: str) -> tuple[str, str]:
    """The unit with which `text` begins, "" if there is none, and what follows it.

    Compound units too: "kilometers per hour", "m/s", "m^2", "square feet".
    """
    attached = text[:1] not in (" ", "-")
    text = text.lstrip(" -")
    if degrees := _DEGREES.match(text):
        return "°" + degrees[1][0].lower(), text[degrees.end() :]
    first, rest = _simple(text, attached=attached)
    if not first:
        return "", text
    per = re.match(r"\s{0,2}(?:/|per\b|an?\b)\s{0,2}", rest)
    if per:
        second, behind = _simple(rest[per.end() :], attached=True)
        return (f"{first}/{second}", behind) if second else ("", text)
    return first, rest


def base(value: Fraction, unit: str) -> tuple[str, Fraction]:
    """The kind of `unit` and `value` in that kind's base, so that 1.5 h equals 90 min."""
    above, _, below = unit.partition("/")
    kind, size = _size(above)
    if below:
        kind_below, size_below = _size(below)
        kind, size = f"{kind}/{kind_below}", size / size_below
    return kind, value * size


def _size(unit: str) -> tuple[str, Fraction]:
    symbol, _, power = unit.partition("^")
    kind, size = SIZE.get(symbol, (symbol, Fraction(1)))
    return (kind + power, size ** int(power)) if power.isdecimal() else (kind, size)


def _simple(text: str, *, attached: bool) -> tuple[str, str]:
    """One unit, perhaps to a power; `attached` if no space sets it apart from its number."""
    power = ""
    if squared := re.match(r"(?:(square|sq\.?)|(cubic))\s{1,2}", text, re.IGNORECASE):
        power, text = ("^2" if squared[1] else "^3"), text[squared.end() :]
    word = _WORD.match(text)
    if not word:
        return "", text
    spelled, rest = word[0].lower(), text[word.end() :]
    if spelled in _WHOLE:
        return _WHOLE[spelled], rest
    symbol = SYMBOL.get(spelled)
    if symbol is None or (not attached and spelled in _WORDS_TOO and _WORD_NEXT.match(rest)):
        return "", text
    if not power and (raised := _POWER.match(rest)):
        power, rest = f"^{raised[1]}", rest[raised.end() :]
    return symbol + power, rest
