"""What kind of answer a request asks for; in doubt it is open."""

from __future__ import annotations

import pytest

from tritium.fusion.answers import kind_of

ASKS = {
    "number": [
        "Natalia sold clips to 48 friends in April, and half as many in May. How many clips did she sell altogether?",
        "What is 17 * 23?",
        "2+2",
        "What is 6 times 7?",
        "What is 15% of 80?",
        "What do spiders stand on? Number only.",
        "Just give me the number. What do they pay?",
        "Calculate (3 + 4) / 7.",
        "Find the sum of all integers from 1 to 100.",
        "Let $x$ be real. Find the minimum value of\n\\[x^2 + 4x.\\]",
        "What is the probability of rolling a six?",
        "A train travels 300 km in 4 hours. What is its average speed?",
        "How many r's are in strawberry?",
        "How tall is Mount Everest? Answer with just the number.",
        "How far is the Moon? Think step by step and explain your reasoning.",
    ],
    "option": [
        "Which is a noble gas?\nA. Oxygen\nB. Helium\nC. Iron\nD. Gold\nAnswer:",
        "Which city is the capital of France? (A) London (B) Paris (C) Rome",
        "The mitochondrion is the\na) nucleus\nb) powerhouse\nc) wall\nof the cell. Choose one.",
        "Describe the vaccine.\nA. Killed\nB. Live\nC. Toxoid\nAnswer:",
    ],
    "yes_no": [
        "Is 97 a prime number?",
        "Was Napoleon born in Corsica?",
        "Does water boil at 100 degrees? Answer yes or no.",
        "True or false: the Earth is flat.",
    ],
    "date": [
        "When did the Berlin Wall fall?",
        "In what year was Rome founded?",
        "When was the Treaty of Lisbon signed?",
    ],
    "short": [
        "What is the capital of France?",
        "Who wrote Hamlet?",
        "Which planet is the largest?",
        "What was the first car called? Answer in one word.",
    ],
    "json": [
        "Extract the names from this text and return them as JSON.",
        "Give me three colours. Respond with valid JSON.",
    ],
    "code": [
        "Write a Python function that reverses a string.",
        "Implement a binary search in Rust.",
        "Fix this code:\n```\nprint(1\n```",
        'def add(a, b):\n    """Add two numbers."""\n',
        "Write an SQL query that lists all users.",
    ],
    "open": [
        "",
        "Hello!",
        "Write a poem about the number 7.",
        "Write an article about Python functions.",
        "Explain why the sky is blue.",
        "How do I get rid of 3 wasps?",
        "How much should I save every month?",
        "How long should I boil 2 eggs?",
        "How many moons does Mars have, and what are they called?",
        "How many apples are there? How many pears are there?",
        "What is the meaning of life?",
        "What is the number only used by primes?",
        "What is the best way to learn 2 languages?",
        "Who is Albert Einstein?",
        "Should I buy a house?",
        "Is it better to rent or to buy?",
        "Can you write me a letter?",
        "Is this correct?",
        "Compare these plans:\nA. Rent\nB. Buy\nC. Wait",
        "Summarize this: in 1969, 3 men flew to the Moon. How many returned?",
        "Find me a concert in Chicago with tickets under $100.",
        "What are the length and width of a rectangle with perimeter 14?",
        'What does this print?\ndef add(a, b):\n    """Add two numbers."""\n    return a - b',
        "Quelle est la capitale de la France ?",
    ],
}


@pytest.mark.parametrize(("question", "kind"), [(each, kind) for kind, asks in ASKS.items() for each in asks])
def test_question_asks_for_its_kind(question, kind):
    found = kind_of(question)
    assert found.kind == kind, found.reason
    assert found.reason


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        ("Answer with a single number.", "number"),
        ("Put your final answer in \\boxed{}.", "number"),
        ("Reply with the letter of the correct option only.", "option"),
        ("Answer only yes or no.", "yes_no"),
        ("Respond with valid JSON.", "json"),
        ("Answer in one word.", "short"),
        ("You are a helpful assistant.", "open"),
    ],
)
def test_system_prompt_says_the_kind(system, kind):
    assert kind_of("Tell us: the thing", system).kind == kind


def schema(**properties):
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": {"properties": properties}}}


@pytest.mark.parametrize(
    ("response_format", "kind"),
    [
        (None, "number"),
        ({"type": "text"}, "number"),
        ({"type": "json_object"}, "json"),
        (schema(reasoning={"type": "string"}, answer={"type": "integer"}), "number"),
        (schema(reasoning={"type": "string"}, answer={"type": "string"}), "number"),
        (schema(answer={"type": "boolean"}), "yes_no"),
        (schema(answer={"enum": ["red", "green"]}), "short"),
        (schema(name={"type": "string"}, answer={"type": "integer"}), "json"),
        (schema(), "json"),
        ({"type": "json_schema", "json_schema": None}, "json"),
        ({"type": "grammar"}, "open"),
    ],
)
def test_response_format_comes_first(response_format, kind):
    assert kind_of("How many legs do 3 spiders have?", "", response_format).kind == kind


def test_envelope_of_reasoning_and_answer_is_no_json_answer():
    asked = 'How many legs do 3 spiders have? Reply in JSON: {"reasoning": "___", "answer": "___"}'
    assert kind_of(asked).kind == "number"
