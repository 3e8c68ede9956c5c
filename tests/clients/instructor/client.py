"""Instructor against Tritium: objects out of models, by a tool, by a schema and in parts."""

import os
from typing import Any

import instructor
import openai
from instructor.core import InstructorRetryException
from pydantic import BaseModel

sdk = openai.OpenAI(base_url=os.environ["TRITIUM_URL"] + "/v1", api_key=os.environ["TRITIUM_KEY"], max_retries=0)
MESSAGES: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
REQUEST: Any = {"model": "vendor/atlas", "messages": MESSAGES}


class City(BaseModel):
    city: str
    population: int


def structured():
    return _asked(instructor.Mode.TOOLS)


def structured_by_schema():
    return _asked(instructor.Mode.JSON_SCHEMA)


def streamed_structured():
    client = instructor.from_openai(sdk)
    return [*client.chat.completions.create_partial(response_model=City, **REQUEST)][-1].model_dump()


def chat():
    answer = instructor.from_openai(sdk).chat.completions.create(response_model=None, **REQUEST)
    usage = answer.usage
    text = answer.choices[0].message.content
    return {"text": text, "input": usage.prompt_tokens, "output": usage.completion_tokens, "cost": usage.cost}


def generation():
    return instructor.from_openai(sdk).chat.completions.create_with_completion(response_model=City, **REQUEST)[1].id


def unknown_model():
    request: Any = {"model": "vendor-x/atlas", "messages": MESSAGES}
    try:
        instructor.from_openai(sdk).chat.completions.create(response_model=City, max_retries=0, **request)
    except (InstructorRetryException, openai.APIStatusError) as error:
        return {"class": type(error).__name__, "message": str(error)}
    return None


def structured_fusion():
    client = instructor.from_openai(sdk, mode=instructor.Mode.JSON_SCHEMA)
    return client.chat.completions.create(model="tritium/cities", messages=MESSAGES, response_model=City).model_dump()


def _asked(mode):
    client = instructor.from_openai(sdk, mode=mode)
    return client.chat.completions.create(response_model=City, **REQUEST).model_dump()
