"""Numbers in answers: each row is a text as models write it, and what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.answers import canonical, same_answer

SAYS = {
    # plain
    "42": "42",
    " 42 ": "42",
    "042": "42",
    "-5": "-5",
    "+5": "5",
    "\N{MINUS SIGN}5": "-5",
    "2.50": "2.5",
    "16.00": "16",
    "1.": "1",
    ".5": "0.5",
    "-0.0": "0",
    "\uff14\uff12": "42",
    "\u0661\u0662\u0663": "123",
    "4\u200b2": "42",
    "\u202e42\u202c": "42",
    # separators
    "1,000": "1000",
    "1,000.50 $": "1000.5",
    "-$10,000": "-10000",
    "$-10,000": "-10000",
    "1.000,50": "1000.5",
    "1.234.567": "1234567",
    "1.234": "1.234",
    "3,14": "3.14",
    "0,125": "0.125",
    "1 000 000": "1000000",
    "1\u202f000,5": "1000.5",
    "12'345": "12345",
    "1_000": "1000",
    "1,00,000": "100000",
    "$9 500": "9500",
    # fractions, roots, powers
    "3/4": "0.75",
    "-3/4": "-0.75",
    "1 3/4": "1.75",
    "3½": "3.5",
    "14/3": "4.66666666667",
    "10³": "1000",
    "1.5e3": "1500",
    "1.5E-3": "0.0015",
    "1.5 \N{MULTIPLICATION SIGN} 10^3": "1500",
    "1.5 x 10^3": "1500",
    "2^10": "1024",
    "2**10": "1024",
    "√50": "7.07106781187",
    "sqrt(16)": "4",
    "(50000 * 5) / 100": "2500",
    "0.1 + 0.2": "0.3",
    "25π": "78.5398163397",
    "1.1e16": "11000000000000000",
    "9999999999999996": "9999999999999996",
    "1e-30": "0." + "0" * 29 + "1",
    # LaTeX
    r"\boxed{42}": "42",
    r"$\boxed{\frac{3}{4}}$": "0.75",
    r"\boxed{\dfrac{1}{2}} or so": "0.5",
    r"-\frac12": "-0.5",
    r"1\frac{3}{4}": "1.75",
    r"\frac{\sqrt{4}}{4}": "0.5",
    r"5\sqrt{2}": "7.07106781187",
    r"2\sqrt[3]{8}": "4",
    r'"reasoning": "so it is \\boxed{\\frac{1}{2}}"': "0.5",
    r"$1{,}000$": "1000",
    r"1\,000\text{ m}": "1000 m",
    r"$1.5 \times 10^{3}$": "1500",
    r"45^\circ": "45 °",
    r"\$64": "64",
    r"25\%": "25 %",
    r"\(x = 12\)": "12",
    # units
    "80 km/h": "80 km/h",
    "80 kilometers per hour": "80 km/h",
    "80 km per hour": "80 km/h",
    "60 mph": "60 mi/h",
    "5 m^2": "5 m^2",
    "5 m²": "5 m^2",
    "5 square meters": "5 m^2",
    "75%": "75 %",
    "75 percent": "75 %",
    "20 degrees Celsius": "20 °c",
    "20 °C": "20 °c",
    "1 hour and 30 minutes": "90 min",
    "3 minutes 36 seconds": "216 s",
    "5 feet 6 inches": "66 in",
    "5'6\"": "66 in",
    "48g of chips": "48 g",
    "5 in total": "5",
    "3 a day": "3",
    "7 puppies": "7",
    "100 barrels/year": "100",
    "$10,000/day": "10000",
    "€5": "5 EUR",
    "5 euros": "5 EUR",
    "$2.5 million": "2500000",
    "50k": "50000",
    "2:00 pm": "2",
    "15th": "15",
    # words
    "five": "5",
    "Twenty-one apples": "21",
    "three hundred and six": "306",
    "about 42": "42",
    "42 (forty-two)": "42",
    # statements
    "The answer is 42.": "42",
    "The final answer is **42**.": "42",
    "**Answer:** 42": "42",
    "Answer:\n\n42": "42",
    "So we get 3 + 4 = 7.\n#### 7": "7",
    "<answer>7</answer>": "7",
    "x = 5": "5",
    "14/3 ≈ 4.67": "4.66666666667",
    "1360 - (64 + 30 + 48) = 1218": "1218",
    "phi(20) = 4": "4",
    "James made a profit of $110.": "110",
    "The cost is **$64** for 16 glasses": "64",
    "**Step 1:** Add 3 and 4.\n\n**Step 2:** The sum is **7**.": "7",
    "We have 3 + 5 = 8.\n\nTherefore, Kylar pays $64 for 16 glasses.": "64",
    "The average of these 3 countries is -10 degrees.": "-10 °",
    "First 12.\n\nThe answer is 5... no, wait.\n\nThe answer is 7.": "7",
    '{"reasoning": "2 + 2", "answer": "4"}': "4",
    '{"answer": 1000}': "1000",
    '{"answer": 1,000}': "1000",
    '```json\n{\n "reasoning": "a\nb \\(x\\)",\n "answer": "$1,198"\n}\n```': "1198",
    '{"answer": "\\"32\\""}': "32",
    '{"answer": "\\\\frac{3}{4}"}': "0.75",
    '{"answer": "\\frac{3}{4}"}': "0.75",
    '{"answer": "answer": "2.00"}': "2",
    '{"answer": "___"}\nThe answer is 9.': "9",
    '{"answer": "4"}\nSorry, corrected:\n{"answer": "5"}': "5",
    "infinitely many": "infinity",
    "no real solutions": "no solution",
    # formulas and lists: themselves, never their first number
    "15 - r^2": "15-r^2",
    "1/0": "1/0",
    "1, 6": "1, 6",
    "1,2,3": "1, 2, 3",
    "3:4": "3:4",
    "5-7": "5-7",
    "2024-03-05": "2024-03-05",
    "(3, 4)": "(3, 4)",
    # nothing that could be told
    "": None,
    "I don't know.": None,
    "27 selfies and 18 portraits": None,
    "2E + 11": None,
    '{"answer": "Cannot be determined"}': None,
    '{"reasoning": "5 + 5 = 10", "answer": "It depends on the day."}': None,
    "1e999999": None,
    "9" * 5_000: None,
}


@pytest.mark.parametrize(("text", "says"), SAYS.items(), ids=lambda value: str(value)[:40])
def test_number_is_read_as_written(text, says):
    assert canonical(text, "number") == says


SAME = [
    ("80 km/h", "80", True),
    ("80 km/h", "80 mph", False),
    ("80 km/h", "81 km/h", False),
    ("90 minutes", "1.5 hours", True),
    ("0.75", "3/4", True),
    ("0.75", "75%", True),
    ("75", "75%", True),
    ("7.5", "75%", False),
    ("1/3", "0.33", True),
    ("1/3", "0.333333", True),
    ("1/3", "0.3", False),
    ("1/3", "0.34", False),
    ("5", "5.0001", False),
    ("$64", "64 dollars", True),
    ("5 euros", "5 pounds", False),
    (r"5\sqrt{2}", r"\sqrt{50}", True),
    ("6√2", "6", False),
    ("12 - 10d", "12", False),
    ("12-10d", "12 - 10d", True),
    ("9999999999999996", "9999999999999997", False),
]


@pytest.mark.parametrize(("one", "other", "same"), SAME)
def test_two_numbers_are_one_answer_by_value_and_unit(one, other, same):
    assert same_answer(canonical(one, "number"), canonical(other, "number"), "number") is same


@given(st.integers(-(10**15), 10**15), st.integers(0, 4))
def test_every_way_to_write_a_decimal_is_read_alike(mantissa, places):
    plain = f"{mantissa / 10**places:.{places}f}" if places == 0 else _decimal(mantissa, places)
    whole, _, fraction = plain.partition(".")
    grouped = f"{int(whole):,}" if whole != "-0" else whole
    forms = [plain, f"${plain}$", f"**{plain}**", f"\\boxed{{{plain}}}", f"The answer is {plain}."]
    forms.append(grouped + ("." + fraction if fraction else ""))
    assert len({canonical(form, "number") for form in forms}) == 1


def _decimal(mantissa, places):
    digits = f"{abs(mantissa):0{places + 1}d}"
    return ("-" if mantissa < 0 else "") + digits[:-places] + "." + digits[-places:]
