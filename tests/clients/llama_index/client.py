"""LlamaIndex's models for OpenAI-like servers and for OpenRouter against Tritium, as their own users write it."""

import os
from typing import Any

import openai
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from llama_index.llms.openrouter import OpenRouter
from pydantic import BaseModel

KEY = os.environ["TRITIUM_KEY"]
OPENAI, OPENROUTER = os.environ["TRITIUM_URL"] + "/v1", os.environ["TRITIUM_URL"] + "/api/v1"
MODEL = "vendor/atlas"
QUESTION = [ChatMessage("What is the capital of France?")]


class City(BaseModel):
    city: str
    population: int


def weather(city: str) -> str:
    """How warm a city is."""
    return f"21 degrees in {city}"


def chat():
    return _answer(_like().chat(QUESTION))


def stream():
    return _streamed(_like(additional_kwargs={"stream_options": {"include_usage": True}}))


def tools():
    return _conversation(_like())


def structured():
    return _like().as_structured_llm(City).chat(QUESTION).raw.model_dump()


def unknown_model():
    return _failure(_like(model="vendor-x/atlas"))


def wrong_key():
    return _failure(_like(api_key="sk-wrong"))


def generation():
    return _like().chat(QUESTION).raw.id


def fusion():
    return {"text": _like(model="tritium/fusion").chat(QUESTION).message.content}


def openrouter_chat():
    return _answer(_openrouter().chat(QUESTION))


def openrouter_stream():
    return _streamed(_openrouter(additional_kwargs={"stream_options": {"include_usage": True}}))


def openrouter_tools():
    return _conversation(_openrouter(is_function_calling_model=True))


def openrouter_unknown_model():
    return _failure(_openrouter(model="vendor-x/atlas"))


def _like(**settings: Any) -> OpenAILike:
    usual = {"is_chat_model": True, "is_function_calling_model": True, "should_use_structured_outputs": True}
    return OpenAILike(**{"model": MODEL, "api_base": OPENAI, "api_key": KEY, "max_retries": 0, **usual, **settings})


def _openrouter(**settings: Any) -> OpenRouter:
    return OpenRouter(**{"model": MODEL, "api_base": OPENROUTER, "api_key": KEY, "max_retries": 0, **settings})


def _answer(response):
    usage = response.raw.usage
    return {"text": response.message.content, "input": usage.prompt_tokens, "output": usage.completion_tokens}


def _streamed(model):
    pieces, usage = [], None
    for part in model.stream_chat(QUESTION):
        if part.delta:
            pieces.append(part.delta)
        usage = part.raw.usage or usage
    return {"text": "".join(pieces), "pieces": len(pieces), "output": usage.completion_tokens}


def _conversation(model):
    tool = FunctionTool.from_defaults(weather)
    asked = ChatMessage("How warm is Paris?")
    response = model.chat_with_tools([tool], chat_history=[asked])
    (call,) = model.get_tool_calls_from_response(response)
    said = tool.call(**call.tool_kwargs).content
    result = ChatMessage(said, role="tool", additional_kwargs={"tool_call_id": call.tool_id})
    answer = model.chat_with_tools([tool], chat_history=[asked, response.message, result])
    return {"called": [call.tool_kwargs], "text": answer.message.content}


def _failure(model):
    try:
        model.chat(QUESTION)
    except openai.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None
