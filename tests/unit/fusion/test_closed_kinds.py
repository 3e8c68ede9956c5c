"""Options, yes or no, dates, short facts and code: what each text says."""

from __future__ import annotations

import pytest

from tritium.fusion.answers import canonical, options_in, same_answer

CITIES = {"A": "London", "B": "Paris", "C": "Berlin", "D": "Paris and London"}

TAKES = {
    "B": "B",
    "b": "B",
    "(B)": "B",
    "(b)": "B",
    "B.": "B",
    "B) Paris": "B",
    "**B) Paris**": "B",
    "Answer: B": "B",
    "**Answer: C**": "C",
    "Answer: **C. Berlin**": "C",
    "The answer is B.": "B",
    "The correct answer is (B) Paris.": "B",
    "Option B is correct.": "B",
    "The correct option is **B**.": "B",
    "Final answer: b": "B",
    "\\boxed{B}": "B",
    "$\\boxed{\\text{B}}$": "B",
    "<answer>C</answer>": "C",
    '{"reasoning": "A is London.", "answer": "B"}': "B",
    '{"answer": ["C", "A"]}': "A,C",
    "A and C": "A,C",
    "Paris": "B",
    "paris.": "B",
    "I think it is Paris, the city of light.": "B",
    "Paris and London": "D",
    "B. Paris\n\nExplanation: A is the capital of England.": "B",
    "A. Wrong.\nB. Right.\nC. Wrong.\n\nTherefore B is correct.": "B",
    "A is wrong. C is wrong. So the answer is B": "B",
    "It is (B), not (A).": "B",
    "The answer is not (A) but (B).": "B",
    "答案\uff1aB": "B",
    "\u200bB\u200b": "B",
    "E": None,
    "Neither.": None,
    "I don't know": None,
    "A good question.": None,
    "It is (A) or (B).": None,
    "": None,
}


@pytest.mark.parametrize(("text", "letter"), TAKES.items())
def test_option_is_found_by_letter_or_text(text, letter):
    assert canonical(text, "option", CITIES) == letter


@pytest.mark.parametrize("text", ["I think so", "I", "A few of them are right."])
def test_pronoun_and_article_are_no_options(text):
    assert canonical(text, "option") is None


LISTS = {
    "Which?\nA. London\nB. Paris\nAnswer:": {"A": "London", "B": "Paris"},
    "Which?\nA) London\nB) Paris": {"A": "London", "B": "Paris"},
    "Which?\n(a) London\n(b) Paris": {"A": "London", "B": "Paris"},
    "Which?\n- **A)** London\n- **B)** Paris": {"A": "London", "B": "Paris"},
    "Which? (A) London (B) Paris, (C) Berlin": {"A": "London", "B": "Paris", "C": "Berlin"},
    "Example:\nA. x\nB. y\n\nNow yours:\nA. London\nB. Paris": {"A": "London", "B": "Paris"},
    "A. Smith wrote it.": {},
    "A. one\nC. three": {},
    "": {},
}


@pytest.mark.parametrize(("question", "options"), LISTS.items())
def test_options_are_read_from_the_question(question, options):
    assert options_in(question) == options


POLARITY = {
    "Yes": "yes",
    "No.": "no",
    "**Yes**, it is.": "yes",
    "yes\nbecause no other divides it": "yes",
    "True": "yes",
    "That is false.": "no",
    "The statement is not true.": "no",
    "The claim is incorrect.": "no",
    "It is not false.": "yes",
    "The answer is no.": "no",
    '{"answer": true}': "yes",
    '{"reasoning": "Yes at first", "answer": "No"}': "no",
    "97 is divisible only by 1 and itself. So yes, it is prime.": "yes",
    "Nein": "no",
    "It depends.": None,
    "Yes and no.": None,
    "I cannot say yes or no.": None,
    "Paris": None,
    "": None,
}


@pytest.mark.parametrize(("text", "polarity"), POLARITY.items())
def test_yes_and_no_are_told_apart(text, polarity):
    assert canonical(text, "yes_no") == polarity


DATES = {
    "1969-07-20": "1969-07-20",
    "July 20, 1969": "1969-07-20",
    "20 July 1969": "1969-07-20",
    "the 20th of July 1969": "1969-07-20",
    "20.07.1969": "1969-07-20",
    "07/20/1969": "1969-07-20",
    "1969年7月20日": "1969-07-20",
    "**July 20, 1969**": "1969-07-20",
    '{"answer": "1969-07-20"}': "1969-07-20",
    "July 1969": "1969-07",
    "Sept. 2001": "2001-09",
    "1969": "1969",
    "It ended in 1945.": "1945",
    "July 20th": "--07-20",
    "44 BC": "-0043",
    "March 15, 44 BC": "-0043-03-15",
    "AD 79": "0079",
    "It was in 1912, on April 15, 1912.": "1912-04-15",
    "Apollo 11 landed on July 20, 1969. It returned on July 24, 1969.": "1969-07-20",
    "05/03/2024": "5/3/2024",
    "from 1914 to 1918": None,
    "2024-13-01": None,
    "I don't know": None,
    "": None,
}


@pytest.mark.parametrize(("text", "iso"), DATES.items())
def test_date_is_iso_and_as_precise_as_given(text, iso):
    assert canonical(text, "date") == iso


FACTS = [
    ("What is the capital of France?", "Paris", "paris"),
    ("What is the capital of France?", "PARIS!", "paris"),
    ("What is the capital of France?", "The capital of France is Paris.", "paris"),
    ("What is the capital of France?", "Paris is the capital of France.", "paris"),
    ("What is the capital of France?", "The capital of France is **Paris**, on the Seine.", "paris"),
    ("What is the capital of France?", "Sure! It's Paris, which lies on the Seine.", "paris"),
    ("What is the capital of France?", 'The capital is "Paris".', "paris"),
    ("What is the capital of France?", '{"reasoning": "easy", "answer": "Paris"}', "paris"),
    ("What is the capital of France?", "I don't know.", None),
    ("What is the capital of France?", "I'm sorry, I can't say.", None),
    ("Which city?", "S\u00e3o Paulo", "sao paulo"),
    ("Which country?", "The U.S.A.", "usa"),
    ("Who wrote Hamlet?", "**Hamlet** was written by **William Shakespeare**.", "william shakespeare"),
    ("", "The answer is St. Louis.", "st louis"),
    ("", "", None),
    ("", "...", None),
]


@pytest.mark.parametrize(("question", "text", "fact"), FACTS)
def test_fact_is_its_words(question, text, fact):
    assert canonical(text, "short", question=question) == fact


def test_sentence_agrees_with_the_name_in_it():
    question = "Who wrote Hamlet?"
    sentence = canonical("It was William Shakespeare who wrote this play, around 1600.", "short", question=question)
    assert same_answer(sentence, canonical("Shakespeare", "short", question=question), "short")


PROGRAM = "def f(x):\n    return x"


@pytest.mark.parametrize(
    "text",
    [
        PROGRAM,
        f"```python\n{PROGRAM}\n```",
        f"Here it is:\n```py\n# adds nothing\n{PROGRAM}  \n\n```\nIt returns its argument. Run `f`.",
        "def f(x):\n\treturn x\n",
        f"```\nf(1)\n```\n\n```python\n{PROGRAM}\n```",
    ],
)
def test_programs_apart_in_wrapping_only_are_one(text):
    assert canonical(text, "code") == PROGRAM


def test_open_answer_has_no_canonical_form():
    assert canonical("42", "open") is None
