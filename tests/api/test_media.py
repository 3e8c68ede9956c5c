"""Images, files and recordings: every dialect in, every wire format out; what one lacks is refused by its place."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjQK"
WAV = "UklGRg=="
ANSWERS = {
    "openai": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Seen"}, "finish_reason": "stop"}]},
    "anthropic": {"content": [{"type": "text", "text": "Seen"}], "stop_reason": "end_turn", "usage": {}},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "Seen"}]}, "finishReason": "STOP"}]},
}


def parts(dialect: str, *kinds: str) -> list[dict[str, Any]]:
    """Content as that dialect writes it."""
    written: dict[str, dict[str, dict[str, Any]]] = {
        "/chat/completions": {
            "image": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            "linked": {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}},
            "pdf": {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            },
            "audio": {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
            "text": {"type": "text", "text": "What is it?"},
        },
        "/responses": {
            "image": {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
            "linked": {"type": "input_image", "image_url": "https://e.org/a.png"},
            "pdf": {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": f"data:application/pdf;base64,{PDF}",
            },
            "audio": {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
            "text": {"type": "input_text", "text": "What is it?"},
        },
        "/messages": {
            "image": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            "linked": {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}},
            "pdf": {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            },
            "text": {"type": "text", "text": "What is it?"},
        },
    }
    return [written[dialect][kind] for kind in kinds]


def body(dialect: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    said = [{"role": "user", "content": content}]
    return {"input": said} if dialect == "/responses" else {"messages": said, "max_tokens": 99}


SENT: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "text", "text": "What is it?"},
    ],
    "anthropic": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "a.pdf",
        },
        {"type": "text", "text": "What is it?"},
    ],
    "gemini": [
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://e.org/a.png"}},
        {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
        {"text": "What is it?"},
    ],
}


async def ask(serve: Any, upstream: Any, wire: Any, vendor: str, dialect: str, content: Any) -> httpx.Response:
    upstream.reply = wire.http(200, json.dumps(ANSWERS[vendor]).encode())
    live = await serve({"providers": {"mine": {"base_url": upstream.url, "format": vendor}}})
    async with httpx.AsyncClient() as client:
        asking = {"model": "mine/m", **body(dialect, content)}
        return await client.post(f"{live.url}/api/v1{dialect}", json=asking, timeout=20)


@pytest.mark.parametrize("vendor", SENT)
@pytest.mark.parametrize("dialect", ["/chat/completions", "/responses", "/messages"])
async def test_images_and_files_arrive_whatever_the_dialect_and_the_format(serve, upstream, wire, dialect, vendor):
    content = parts(dialect, "image", "linked", "pdf", "text")

    reply = await ask(serve, upstream, wire, vendor, dialect, content)

    assert reply.status_code == 200, reply.text
    (sent,) = upstream.requests
    (said,) = sent["contents"] if vendor == "gemini" else sent["messages"]
    assert said["parts" if vendor == "gemini" else "content"] == SENT[vendor]


@pytest.mark.parametrize("dialect", ["/chat/completions", "/responses"])
@pytest.mark.parametrize(
    ("vendor", "heard"),
    [
        ("openai", {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        ("gemini", {"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
    ],
)
async def test_a_recording_arrives_where_it_can_be_heard(serve, upstream, wire, dialect, vendor, heard):
    reply = await ask(serve, upstream, wire, vendor, dialect, parts(dialect, "audio", "text"))

    assert reply.status_code == 200, reply.text
    (said,) = upstream.requests[0]["contents" if vendor == "gemini" else "messages"]
    assert said["parts" if vendor == "gemini" else "content"][0] == heard


@pytest.mark.parametrize("dialect", ["/chat/completions", "/responses"])
async def test_a_recording_is_refused_where_nobody_listens(serve, upstream, wire, dialect):
    reply = await ask(serve, upstream, wire, "anthropic", dialect, parts(dialect, "text", "audio"))

    error = reply.json()["error"]
    assert reply.status_code == 400
    assert "takes no audio" in error["message"]
    assert error["metadata"]["param"].endswith("content[1]")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("dialect", "part", "param"),
    [
        (
            "/chat/completions",
            {"type": "file", "file": {"file_data": "https://e.org/a.pdf"}},
            "messages[0].content[0].file.file_data",
        ),
        (
            "/responses",
            {"type": "input_file", "file_url": "https://e.org/a.pdf"},
            "messages[0].content[0].file.file_data",
        ),
        (
            "/messages",
            {"type": "document", "source": {"type": "file", "file_id": "f"}},
            "messages[0].content[0].source",
        ),
        ("/messages", {"type": "audio"}, "messages[0].content[0].type"),
    ],
)
async def test_what_cannot_be_passed_on_is_refused_by_its_place(serve, upstream, wire, dialect, part, param):
    reply = await ask(serve, upstream, wire, "openai", dialect, [part])

    told = reply.json()
    assert reply.status_code == 400
    metadata = told["metadata"] if dialect == "/messages" else told["error"]["metadata"]
    assert metadata["param"] == param
    assert upstream.requests == []


@pytest.mark.parametrize("vendor", ["anthropic", "gemini"])
async def test_a_files_address_is_passed_on_to_those_who_fetch(serve, upstream, wire, vendor):
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://e.org/a.pdf"}}

    reply = await ask(serve, upstream, wire, vendor, "/chat/completions", [part])

    assert reply.status_code == 200, reply.text
    assert "https://e.org/a.pdf" in json.dumps(upstream.requests[0])
