"""LangChain's models for OpenAI and for OpenRouter against Tritium, as their own users write it."""

import os
from typing import Any

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_openrouter import ChatOpenRouter
from pydantic import BaseModel

KEY = os.environ["TRITIUM_KEY"]
OPENAI, OPENROUTER = os.environ["TRITIUM_URL"] + "/v1", os.environ["TRITIUM_URL"] + "/api/v1"
MODEL = "vendor/atlas"
QUESTION = "What is the capital of France?"


class City(BaseModel):
    city: str
    population: int


@tool
def weather(city: str) -> str:
    """How warm a city is."""
    return f"21 degrees in {city}"


def chat():
    return _answer(_openai().invoke(QUESTION))


def stream():
    return _streamed(_openai(stream_usage=True).stream(QUESTION))


def tools():
    return _conversation(_openai().bind_tools([weather]))


def structured():
    return _openai().with_structured_output(City).invoke(QUESTION).model_dump()


def structured_by_tool():
    return _openai().with_structured_output(City, method="function_calling").invoke(QUESTION).model_dump()


def responses():
    answer = _openai(use_responses_api=True).invoke(QUESTION)
    usage = answer.usage_metadata
    return {"text": answer.text, "input": usage["input_tokens"], "output": usage["output_tokens"]}


def unknown_model():
    return _failure(_openai(model="vendor-x/atlas"))


def wrong_key():
    return _failure(_openai(api_key="sk-wrong"))


def models():
    return [each.id for each in _openai().root_client.models.list()]


def generation():
    return _openai().invoke(QUESTION).response_metadata["id"]


def fusion():
    return {"text": _openai(model="tritium/fusion").invoke(QUESTION).text}


def openrouter_chat():
    return _answer(_openrouter().invoke(QUESTION))


def openrouter_stream():
    return _streamed(_openrouter().stream(QUESTION))


def openrouter_tools():
    return _conversation(_openrouter().bind_tools([weather]))


def openrouter_structured():
    return _openrouter().with_structured_output(City, method="json_schema").invoke(QUESTION).model_dump()


def openrouter_generation():
    return _openrouter().invoke(QUESTION).response_metadata["id"]


def openrouter_unknown_model():
    try:
        _openrouter(model="vendor-x/atlas").invoke(QUESTION)
    except Exception as error:  # noqa: BLE001 - which class it is is the question
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None


def _openai(**settings: Any) -> ChatOpenAI:
    return ChatOpenAI(**{"model": MODEL, "base_url": OPENAI, "api_key": KEY, "max_retries": 0, **settings})


def _openrouter(**settings: Any) -> ChatOpenRouter:
    return ChatOpenRouter(**{"model": MODEL, "base_url": OPENROUTER, "api_key": KEY, "max_retries": 0, **settings})


def _answer(message):
    usage = message.usage_metadata
    return {"text": message.text, "input": usage["input_tokens"], "output": usage["output_tokens"]}


def _streamed(chunks):
    chunks = list(chunks)
    whole = sum(chunks[1:], chunks[0])
    pieces = sum(bool(chunk.text) for chunk in chunks)
    return {"text": whole.text, "pieces": pieces, "output": whole.usage_metadata["output_tokens"]}


def _conversation(model):
    asked = HumanMessage("How warm is Paris?")
    message = model.invoke([asked])
    (call,) = message.tool_calls
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    return {"called": [call["args"]], "text": model.invoke([asked, message, result]).text}


def _failure(model):
    try:
        model.invoke(QUESTION)
    except openai.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None
