"""What one writes by hand: FastAPI in front of the official SDK.

UPSTREAM is the provider's base URL, PORT where it listens.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

provider = AsyncOpenAI(base_url=os.environ["UPSTREAM"], api_key="sk-provider")
app = FastAPI()


@app.post("/v1/chat/completions")
async def chat(question: dict[str, Any]) -> Response:
    answer: Any = await provider.chat.completions.create(**question)
    if question.get("stream"):
        return StreamingResponse(events(answer), media_type="text/event-stream")
    return Response(answer.model_dump_json(exclude_unset=True), media_type="application/json")


async def events(chunks: Any) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n"
    yield "data: [DONE]\n\n"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
