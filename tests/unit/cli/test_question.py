"""Words, standard input and files become one question."""

from __future__ import annotations

import io

import pytest

from tritium.cli.question import MAX_FILE_BYTES, read_question
from tritium.errors import InvalidRequest


def piped(text: str) -> io.StringIO:
    return io.StringIO(text)


def test_words_are_joined():
    assert read_question(["how", "far?"], [], piped("")) == "how far?"


@pytest.mark.parametrize("words", [[], ["-"]])
def test_without_words_standard_input_is_the_question(words):
    assert read_question(words, [], piped("how far?\n")) == "how far?"


def test_with_words_standard_input_comes_after_them():
    assert read_question(["sum", "up"], [], piped("long text\n")) == "sum up\n\nlong text"


@pytest.mark.parametrize("stdin", [None, piped("  \n")])
def test_no_question_is_refused_with_an_example(stdin):
    with pytest.raises(InvalidRequest, match="tritium ask"):
        read_question([], [], stdin)


def test_files_come_under_their_names_in_a_fence_they_cannot_close(tmp_path):
    (tmp_path / "a.md").write_text("one\n```\ntwo\n")
    (tmp_path / "b.txt").write_text("\ufeffthree")
    asked = read_question(["look"], [tmp_path / "a.md", tmp_path / "b.txt"], None)
    assert asked == "look\n\na.md:\n````\none\n```\ntwo\n````\n\nb.txt:\n```\nthree\n```"


def test_a_file_that_cannot_be_sent_is_named(tmp_path):
    (tmp_path / "picture").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    (tmp_path / "huge").write_bytes(b"a" * (MAX_FILE_BYTES + 1))
    for name, reason in (
        ("picture", "not a text file"),
        ("latin", "not a text file"),
        ("huge", "larger than 5 MB"),
        ("gone", "No such file"),
        (".", "directory"),
    ):
        with pytest.raises(InvalidRequest, match=reason) as refused:
            read_question(["look"], [tmp_path / name], None)
        assert str(tmp_path / name) in refused.value.message
