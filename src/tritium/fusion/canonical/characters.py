"""Text as a reader sees it: what shows nothing is gone, what looks alike is alike, and a megabyte is its two ends."""

from __future__ import annotations

import re
import unicodedata

HEAD_CHARACTERS = 8_000
TAIL_CHARACTERS = 32_000

_INVISIBLE = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\\ud800-\\udfff"
    "\U000e0000-\U000e0fff]"
)
"""Controls, zero-width and bidirectional marks, fillers, variation selectors, tags, and surrogates left alone."""

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_LOWERED_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_VULGAR_FRACTION = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_FOREIGN_DECIMAL = re.compile(r"[^\W\D0-9]")
_FRACTION_SLASH = "\N{FRACTION SLASH}"
_ALIKE = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{FIGURE DASH}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": " - ",
        _FRACTION_SLASH: "/",
        "\N{DIVISION SLASH}": "/",
        "\N{ASTERISK OPERATOR}": "*",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
        "«": '"',
        "»": '"',
        "\N{ARABIC DECIMAL SEPARATOR}": ".",
        "\N{ARABIC THOUSANDS SEPARATOR}": ",",
    }
)


def visible(text: str) -> str:
    """`text` without characters that show nothing; they can neither split a vote nor hide in one."""
    return _INVISIBLE.sub("", text)


def both_ends(text: str) -> str:
    """The beginning and the end of a long text: an answer is stated in one of them, and reading stays cheap."""
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return text[:HEAD_CHARACTERS] + "\n" + text[-TAIL_CHARACTERS:]


def folded(text: str) -> str:
    """`text` in compatibility form (NFKC), with the meaning of raised, lowered and fraction characters kept.

    Plain NFKC makes 103 of 10³ and 31/2 of 3½.
    """
    if text.isascii():
        return text
    text = _RAISED_RUN.sub(lambda run: "^" + run[0].translate(_RAISED), text)
    text = _LOWERED_RUN.sub(lambda run: "_" + run[0].translate(_LOWERED), text)
    text = _VULGAR_FRACTION.sub(_spaced_fraction, text)
    text = unicodedata.normalize("NFKC", text.translate(_ALIKE)).translate(_ALIKE)
    return _FOREIGN_DECIMAL.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


def _spaced_fraction(match: re.Match[str]) -> str:
    before, fraction = match.groups()
    return before + (" " if before else "") + unicodedata.normalize("NFKC", fraction).replace(_FRACTION_SLASH, "/")
