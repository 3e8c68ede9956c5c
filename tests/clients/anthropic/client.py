"""Anthropic's own Python SDK against Tritium, as its own users write it."""

import os
from typing import Any

import anthropic
from pydantic import BaseModel

client = anthropic.Anthropic(
    base_url=os.environ["TRITIUM_URL"] + "/api", api_key=os.environ["TRITIUM_KEY"], max_retries=0
)
MODEL = "vendor/atlas"
REQUEST: Any = {"model": MODEL, "max_tokens": 100}
MESSAGES: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"name": "weather", "description": "How warm a city is", "input_schema": PLACE}


class City(BaseModel):
    city: str
    population: int


def chat():
    answer = client.messages.create(**REQUEST, messages=MESSAGES)
    usage = answer.usage
    return {
        "text": answer.content[0].text,
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cost": usage.cost,
    }


def stream():
    pieces = []
    with client.messages.stream(**REQUEST, messages=MESSAGES) as events:
        for event in events:
            if event.type == "text":
                pieces.append(event.text)
            elif event.type == "message_delta":
                usage = event.usage  # the SDK keeps only the fields it knows for the final message
    return {"text": "".join(pieces), "pieces": len(pieces), "output": usage.output_tokens, "cost": usage.cost}


def tools():
    asked: list[Any] = [{"role": "user", "content": "How warm is Paris?"}]
    message = client.messages.create(**REQUEST, messages=asked, tools=[WEATHER])
    call = next(block for block in message.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": f"21 degrees in {call.input['city']}"}
    turns = [*asked, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    answer = client.messages.create(**REQUEST, messages=turns, tools=[WEATHER])
    return {"called": [call.input], "text": answer.content[0].text}


def streamed_tools():
    with client.messages.stream(**REQUEST, messages=MESSAGES, tools=[WEATHER]) as events:
        (call,) = [block for block in events.get_final_message().content if block.type == "tool_use"]
    return {"name": call.name, "arguments": call.input}


def structured():
    return client.messages.parse(**REQUEST, messages=MESSAGES, output_format=City).parsed_output.model_dump()


def count_tokens():
    return client.messages.count_tokens(model=MODEL, messages=MESSAGES).input_tokens


def unknown_model():
    return _failure(client, model="vendor-x/atlas")


def wrong_key():
    return _failure(client.with_options(api_key="sk-wrong"), model=MODEL)


def broken_stream():
    said = ""
    broken = {**REQUEST, "model": "scripted/say=one%20two%20three;die=2"}
    try:
        with client.messages.stream(**broken, messages=MESSAGES) as events:
            for piece in events.text_stream:
                said += piece
    except anthropic.APIError as error:
        return {"text": said, "class": type(error).__name__, "message": error.message}
    return {"text": said}


def models():
    return [each.id for each in client.models.list()]


def generation():
    raw = client.messages.with_raw_response.create(**REQUEST, messages=MESSAGES)
    identity = raw.headers["x-generation-id"]
    found = client.get(f"/v1/generation?id={identity}", cast_to=object)["data"]
    same = found["id"] == raw.parse().id
    return {"same": same, "model": found["model"], "output": found["tokens_completion"], "cost": found["total_cost"]}


def fusion():
    answer = client.messages.create(model="tritium/fusion", max_tokens=100, messages=MESSAGES)
    return {"text": answer.content[0].text}


def _failure(of, model):
    try:
        of.messages.create(model=model, max_tokens=100, messages=MESSAGES)
    except anthropic.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None
