"""`tritium chat`: a conversation at a terminal, and down a pipe."""

from __future__ import annotations


def test_a_conversation_remembers_stops_and_begins_anew(terminal):
    screen = terminal("chat", "--model", "scripted/say=first%20words", columns=100)
    for typed, said in (
        (None, "Ctrl-D leaves."),
        ("hello\r", "first words"),
        ("/model scripted/words=500;rate=5\r", "Now talking with"),
        ("go on\r", "compares"),
        ("\x03", "Stopped."),
        ("/nonsense\r", "There is no /nonsense."),
    ):
        if typed:
            screen.type(typed)
        screen.wait_for(said)
        if typed != "go on\r":
            screen.wait_for("\n> ")
    screen.type("\x04")
    assert screen.end() == 0
    assert "Traceback" not in screen.text


def test_each_question_carries_what_was_said_before(tritium):
    result = tritium("chat", "--model", "scripted/echo", "--system", "S", stdin="one\nagain\n/new\ntwo\n/exit\nthree\n")
    assert result.code == 0
    assert "one" in result.out  # S, the question, its echo: 3 tokens, and 5 when it goes on
    assert "two" in result.out
    assert "three" not in result.out
    receipts = [line for line in result.err.splitlines() if "tokens" in line]
    assert [receipt.split(" · ")[1] for receipt in receipts] == ["3 tokens", "5 tokens", "3 tokens"]


def test_a_failure_ends_the_answer_and_not_the_conversation(tritium):
    result = tritium("chat", "--model", "scripted/error=500", stdin="one\n/model scripted/echo\ntwo\n")
    assert result.code == 0
    assert "scripted error 500" in result.err
    assert "two" in result.out
