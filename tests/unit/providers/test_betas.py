"""Which of Anthropic's betas go on."""

from __future__ import annotations

from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.betas import allowed_betas, split_betas

HELLO = [{"role": "user", "content": "Hello"}]


def asked(betas: Any) -> ChatRequest:
    return ChatRequest.build("m", HELLO, anthropic_beta=betas)


@pytest.mark.parametrize(
    "name",
    [
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "extended-cache-ttl-2025-04-11",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19",
        "structured-outputs-2025-11-13",
        "token-efficient-tools-2025-02-19",
        "interleaved-thinking-2031-01-31",
    ],
)
def test_one_that_changes_how_a_model_answers_goes_on(name: str) -> None:
    assert allowed_betas(asked([name])) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "claude-code-20250219",
        "code-execution-2025-08-25",
        "context-management-2025-06-27",
        "files-api-2025-04-14",
        "mcp-client-2025-11-20",
        "oauth-2025-04-20",
        "context-1m",
        "context-1m-2025-08-07\r\nx-evil: 1",
        "Context-1M-2025-08-07",
        "",
    ],
)
def test_one_that_needs_more_than_its_name_does_not(name: str) -> None:
    assert allowed_betas(asked([name])) == []


def test_there_may_be_none() -> None:
    assert allowed_betas(ChatRequest.build("m", HELLO)) == []


def test_what_is_no_list_of_names_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="anthropic_beta"):
        allowed_betas(asked("context-1m-2025-08-07"))


def test_a_header_holds_several() -> None:
    assert split_betas(" a-2025-01-01,, b ") == ["a-2025-01-01", "b"]
