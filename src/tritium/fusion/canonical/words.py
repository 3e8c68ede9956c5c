"""A phrase as its words: lower case, without accents, punctuation and articles; "The U.S.A." and "usa" are one."""

from __future__ import annotations

import re
import unicodedata

_DROPPED = re.compile(r"(?<=\w)['.](?=\w)|(?<=\d),(?=\d{3}\b)|(?<=\b\w)\.(?=\W|$)")
_APART = re.compile(r"[^\w%°€£¥+#]+|_")
_ARTICLES = frozenset(("a", "an", "the"))


def words(phrase: str) -> str:
    """The words of `phrase` with single spaces between them. Already canonical phrases stay as they are."""
    if not phrase.isascii():
        decomposed = unicodedata.normalize("NFKD", phrase)
        phrase = "".join(character for character in decomposed if not unicodedata.combining(character))
    phrase = _DROPPED.sub("", phrase.casefold().replace("&", " and "))
    return " ".join(word for word in _APART.sub(" ", phrase).split() if word not in _ARTICLES)
