"""What may be spent: set aside in one step, settled once, renewed."""

from __future__ import annotations

import threading

from tritium.accounts.spending import Spending
from tritium.accounts.worst_case import worst_case
from tritium.chat import ChatRequest, Usage


def test_threads_dont_set_aside_more_than_there_is():
    spending = Spending(None, 0)
    taken: list[int | None] = []

    def take() -> None:
        for _ in range(200):
            taken.append(spending.hold("call", 3, 1000, 0))  # noqa: PERF401 - one at a time is the point

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken.count(None) == 333
    assert spending.left(1000, 0) == 1


def test_settling_replaces_what_was_set_aside_by_the_cost():
    spending = Spending(None, 0)

    assert spending.hold("a", 60, 100, 0) is None
    assert spending.hold("b", 60, 100, 0) == 40
    spending.settle("a", 60, 10, 0)
    assert spending.left(100, 0) == 90
    assert spending.hold("c", 0, 100, 0) is None


def test_nothing_is_set_aside_of_a_spent_limit_not_even_nothing():
    spending = Spending(None, 0, spent=100)

    assert spending.hold("a", 0, 100, 0) == 0


def test_a_recount_takes_what_others_spent_and_keeps_what_is_under_way_here():
    spending = Spending(None, 0, spent=10)
    spending.hold("open", 20, 1000, 0)

    def counted(since, without):
        assert (since, without) == (0, {"open"})
        spending.settle("open", 20, 7, 0)  # meanwhile
        return 100

    spending.recount(counted)

    assert spending.left(1000, 0) == 1000 - 100 - 7


def test_a_new_period_begins_with_nothing_spent_and_keeps_what_is_set_aside():
    day = 86_400
    spending = Spending("daily", 0, spent=50)
    assert spending.hold("a", 20, 100, 1) is None

    assert spending.left(100, day - 1) == 30
    assert spending.left(100, day) == 80
    spending.settle("a", 20, 5, day)
    assert spending.left(100, day) == 95


def asking(**fields) -> ChatRequest:
    return ChatRequest.build("a/b", fields.pop("messages", [{"role": "user", "content": "x" * 300}]), **fields)


def test_the_worst_case_is_the_prompt_by_bytes_and_the_answer_by_its_cap():
    assert worst_case(asking(max_tokens=7)) == Usage(input=118, output=7)
    assert worst_case(asking(max_completion_tokens=9, n=3)).output == 27
    assert worst_case(asking()).output == 4096


def test_an_image_isnt_counted_by_its_bytes():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3_000_000}}

    assert worst_case(asking(messages=[{"role": "user", "content": [image]}])).input < 2_100
