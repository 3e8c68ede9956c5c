"""openai-python against Tritium, as its own users write it."""

import json
import os
from typing import Any

import openai
from pydantic import BaseModel

client = openai.OpenAI(base_url=os.environ["TRITIUM_URL"] + "/v1", api_key=os.environ["TRITIUM_KEY"], max_retries=0)
MODEL = "vendor/atlas"
QUESTION = "What is the capital of France?"
MESSAGES: list[Any] = [{"role": "user", "content": QUESTION}]
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": PLACE}}


class City(BaseModel):
    city: str
    population: int


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    usage = answer.usage
    text = answer.choices[0].message.content
    return {"text": text, "input": usage.prompt_tokens, "output": usage.completion_tokens, "cost": usage.cost}


def stream():
    pieces, usage = [], None
    request = {"model": MODEL, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    for chunk in client.chat.completions.create(**request):
        pieces += [each.delta.content for each in chunk.choices if each.delta.content]
        usage = chunk.usage or usage
    return {"text": "".join(pieces), "pieces": len(pieces), "output": usage.completion_tokens, "cost": usage.cost}


def tools():
    asked: list[Any] = [{"role": "user", "content": "How warm is Paris?"}]
    message = client.chat.completions.create(model=MODEL, messages=asked, tools=[WEATHER]).choices[0].message
    (call,) = message.tool_calls
    arguments = json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": f"21 degrees in {arguments['city']}"}
    answer = client.chat.completions.create(model=MODEL, messages=[*asked, message, result], tools=[WEATHER])
    return {"called": [arguments], "text": answer.choices[0].message.content}


def streamed_tools():
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, tools=[WEATHER]) as events:
        (call,) = events.get_final_completion().choices[0].message.tool_calls
    return {"name": call.function.name, "arguments": json.loads(call.function.arguments)}


def structured():
    answer = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=City)
    return answer.choices[0].message.parsed.model_dump()


def responses():
    answer = client.responses.create(model=MODEL, input=QUESTION)
    return {"text": answer.output_text, "input": answer.usage.input_tokens, "output": answer.usage.output_tokens}


def streamed_responses():
    with client.responses.stream(model=MODEL, input=QUESTION) as events:
        pieces = sum(event.type == "response.output_text.delta" for event in events)
        answer = events.get_final_response()
    return {"text": answer.output_text, "pieces": pieces, "output": answer.usage.output_tokens}


def responses_tools():
    given: list[Any] = [{"role": "user", "content": "How warm is Paris?"}]
    tool: Any = {"type": "function", "name": "weather", "parameters": PLACE, "strict": False}
    asked = client.responses.create(model=MODEL, input=given, tools=[tool])
    call = next(item for item in asked.output if item.type == "function_call")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees in Paris"}
    answer = client.responses.create(model=MODEL, input=[*given, *asked.output, result], tools=[tool])
    return {"called": [json.loads(call.arguments)], "text": answer.output_text}


def structured_responses():
    return client.responses.parse(model=MODEL, input="Where?", text_format=City).output_parsed.model_dump()


def unknown_model():
    return _failure(client, model="vendor-x/atlas")


def wrong_key():
    return _failure(client.with_options(api_key="sk-wrong"), model=MODEL)


def broken_stream():
    said = ""
    try:
        for chunk in client.chat.completions.create(
            model="scripted/say=one%20two%20three;die=2", messages=MESSAGES, stream=True
        ):
            said += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return {"text": said, "class": type(error).__name__, "message": error.message}
    return {"text": said}


def models():
    return [each.id for each in client.models.list()]


def generation():
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    found = client.get(f"/generation?id={raw.headers['x-generation-id']}", cast_to=object)["data"]
    same = found["id"] == raw.parse().id
    return {"same": same, "model": found["model"], "output": found["tokens_completion"], "cost": found["total_cost"]}


def fusion():
    answer = client.chat.completions.create(model="tritium/fusion", messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "seats": len(answer.fusion["seats"])}


def streamed_fusion():
    chunks = [*client.chat.completions.create(model="tritium/fusion", messages=MESSAGES, stream=True)]
    text = "".join(each.delta.content or "" for chunk in chunks for each in chunk.choices)
    return {"text": text}


def _failure(of, **request):
    try:
        of.chat.completions.create(messages=MESSAGES, **request)
    except openai.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None
