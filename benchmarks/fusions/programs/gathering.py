"""A fusion as one writes it by hand: FastAPI, the official SDK, and asyncio.gather.

UPSTREAM is the provider's base URL, PORT where it listens.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI

PANELS = {
    "written": ("normal", "", "writer"),
    "judged": ("normal", "judge", "writer"),
    "instantly": ("instant", "", "instant-writer"),
    "instantly-judged": ("instant", "instant-judge", "instant-writer"),
    "unanswered": ("silent", "", "writer"),
    "unwritten": ("long", "", "silent-writer"),
}
provider = AsyncOpenAI(base_url=os.environ["UPSTREAM"], api_key="sk-provider")
app = FastAPI()


async def ask(model: str, prompt: str) -> str:
    answer = await provider.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])
    return answer.choices[0].message.content or ""


async def fuse(question: str, kind: str, judge: str, writer: str) -> str:
    answers = await asyncio.gather(*(ask(f"{kind}-{number}", question) for number in range(3)))
    material = "\n\n".join([f"Question: {question}", *(f"Answer {at}:\n{each}" for at, each in enumerate(answers, 1))])
    if judge:
        verdict = await ask(judge, f"{material}\n\nCompare the answers.")
        material += f"\n\nVerdict: {verdict}"
    return await ask(writer, f"{material}\n\nWrite the best answer.")


@app.post("/v1/chat/completions")
async def chat(body: dict[str, Any]) -> dict[str, Any]:
    name, question = body["model"], body["messages"][-1]["content"]
    text = await (fuse(question, *PANELS[name]) if name in PANELS else ask(name, question))
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "fused", "object": "chat.completion", "created": 0, "model": name, "choices": [choice]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
