"""OpenRouter's own Python SDK against Tritium: it checks whole answers against OpenRouter's schemas."""

import json
import os
from typing import Any

from openrouter import OpenRouter, errors

URL = os.environ["TRITIUM_URL"] + "/api/v1"
client = OpenRouter(api_key=os.environ["TRITIUM_KEY"], server_url=URL)
manager = OpenRouter(api_key=os.environ["TRITIUM_MANAGEMENT_KEY"], server_url=URL)
MODEL = "vendor/atlas"
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CITY = {"type": "object", "properties": {"city": {"type": "string"}, "population": {"type": "integer"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PLACE}}


def chat():
    answer = client.chat.send(model=MODEL, messages=MESSAGES)
    usage = answer.usage
    text = answer.choices[0].message.content
    return {"text": text, "input": usage.prompt_tokens, "output": usage.completion_tokens, "cost": usage.cost}


def stream():
    pieces, usage = [], None
    with client.chat.send(model=MODEL, messages=MESSAGES, stream=True) as chunks:
        for chunk in chunks:
            pieces += [each.delta.content for each in chunk.choices if each.delta.content]
            usage = chunk.usage or usage
    return {"text": "".join(pieces), "pieces": len(pieces), "output": usage.completion_tokens, "cost": usage.cost}


def tools():
    asked: list[Any] = [{"role": "user", "content": "How warm is Paris?"}]
    message = client.chat.send(model=MODEL, messages=asked, tools=[WEATHER]).choices[0].message
    (call,) = message.tool_calls
    arguments = json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": f"21 degrees in {arguments['city']}"}
    answer = client.chat.send(model=MODEL, messages=[*asked, message, result], tools=[WEATHER])
    return {"called": [arguments], "text": answer.choices[0].message.content}


def streamed_tools():
    name, arguments = "", ""
    with client.chat.send(model=MODEL, messages=MESSAGES, tools=[WEATHER], stream=True) as chunks:
        for chunk in chunks:
            for call in [call for choice in chunk.choices for call in choice.delta.tool_calls or []]:
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    return {"name": name, "arguments": json.loads(arguments)}


def structured():
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
    answer = client.chat.send(model=MODEL, messages=MESSAGES, response_format=wanted)
    return json.loads(answer.choices[0].message.content)


def responses():
    answer = client.beta.responses.send(model=MODEL, input="What is the capital of France?")
    text = answer.output[0].content[0].text
    return {"text": text, "input": answer.usage.input_tokens, "output": answer.usage.output_tokens}


def streamed_responses():
    pieces, whole = [], None
    with client.beta.responses.send(model=MODEL, input="What is the capital of France?", stream=True) as events:
        for event in events:
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
            if event.type == "response.completed":
                whole = event.response
    return {"text": "".join(pieces), "pieces": len(pieces), "output": whole.usage.output_tokens}


def unknown_model():
    return _failure(client, model="vendor-x/atlas")


def wrong_key():
    return _failure(OpenRouter(api_key="sk-wrong", server_url=URL), model=MODEL)


def broken_stream():
    said, message = "", None
    request = {"model": "scripted/say=one%20two%20three;die=2", "messages": MESSAGES, "stream": True}
    with client.chat.send(**request) as chunks:
        for chunk in chunks:
            said += "".join(each.delta.content or "" for each in chunk.choices)
            message = chunk.error.message if chunk.error else message
    return {"text": said, "message": message}


def models():
    return [each.id for each in client.models.list().result.data]


def generation():
    answer = client.chat.send(model=MODEL, messages=MESSAGES)
    row = client.generations.get_generation(id=answer.id).data
    return {"same": row.id == answer.id, "model": row.model, "output": row.tokens_completion, "cost": row.total_cost}


def catalogue():
    """Whole answers again, so that the SDK has read every field there is."""
    served = client.endpoints.list(author="openai", slug="gpt-6.1-terra").data
    return {
        "model": client.models.get(author="openai", slug="gpt-6.1-terra").data.id,
        "endpoints": [each.provider_name for each in served.endpoints],
        "providers": sorted(each.slug for each in client.providers.list().data),
        "as many as listed": client.models.count().data.count == len(models()),
    }


def account():
    """What a key sees of itself, and what the management key does with keys."""
    made = manager.api_keys.create(name="a team", limit=3)
    identity = made.data.hash
    renamed = manager.api_keys.update(hash=identity, name="the team", disabled=True).data
    return {
        "label": client.api_keys.get_current_key_metadata().data.label[:6],
        "made": [made.key[:6], made.data.name],
        "renamed": [renamed.name, renamed.disabled],
        "read": manager.api_keys.get(hash=identity).data.name,
        "listed": "the team" in [each.name for each in manager.api_keys.list().data],
        "deleted": manager.api_keys.delete(hash=identity).DELETED,
        "spent": manager.credits.get_credits().data.total_usage > 0,
        "active": MODEL in {each.model for each in manager.analytics.get_user_activity().data},
    }


def fusion():
    plugin = {"id": "fusion", "analysis_models": ["scripted/say=7", "scripted/say=7", "scripted/say=8"]}
    answer = client.chat.send(model="openrouter/fusion", messages=MESSAGES, plugins=[plugin])
    return {"text": answer.choices[0].message.content}


def _failure(of, **request):
    try:
        of.chat.send(messages=MESSAGES, **request)
    except errors.OpenRouterError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None
