"""The `llm` tool and library against Tritium, set up by its own file for servers like OpenAI's."""

import os
import subprocess
import sys
from pathlib import Path

import llm
import openai
from pydantic import BaseModel

MODELS = {"atlas": "vendor/atlas", "fusion": "tritium/fusion", "gone": "vendor-x/atlas"}
QUESTION = "What is the capital of France?"

settings = "".join(
    f"- model_id: {name}\n"
    f"  model_name: {model}\n"
    f"  api_base: {os.environ['TRITIUM_URL']}/v1\n"
    f"  api_key_name: tritium\n"
    f"  supports_tools: true\n"
    f"  supports_schema: true\n"
    for name, model in MODELS.items()
)
Path(os.environ["LLM_USER_PATH"], "extra-openai-models.yaml").write_text(settings)
KEY = os.environ["TRITIUM_KEY"]


class City(BaseModel):
    city: str
    population: int


def chat():
    response = llm.get_model("atlas").prompt(QUESTION, key=KEY, stream=False)
    text, usage = response.text(), response.usage()
    return {"text": text, "input": usage.input, "output": usage.output}


def stream():
    response = llm.get_model("atlas").prompt(QUESTION, key=KEY)
    pieces = [piece for piece in response if piece]
    return {"text": "".join(pieces), "pieces": len(pieces), "output": response.usage().output}


def tools():
    called = []

    def weather(city: str) -> str:
        """How warm a city is."""
        called.append({"city": city})
        return f"21 degrees in {city}"

    answers = llm.get_model("atlas").chain("How warm is Paris?", tools=[weather], key=KEY, stream=False)
    return {"called": called, "text": answers.text()}


def structured():
    response = llm.get_model("atlas").prompt(QUESTION, schema=City, key=KEY, stream=False)
    return City.model_validate_json(response.text()).model_dump()


def unknown_model():
    return _failure("gone", KEY)


def wrong_key():
    return _failure("atlas", "sk-wrong")


def generation():
    response = llm.get_model("atlas").prompt(QUESTION, key=KEY, stream=False)
    response.text()
    return response.response_json["id"]


def fusion():
    return {"text": llm.get_model("fusion").prompt(QUESTION, key=KEY, stream=False).text()}


def command():
    asked = [sys.executable, "-m", "llm", "prompt", "--model", "atlas", "--key", KEY, QUESTION]
    return {"text": subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()}


def _failure(model, key):
    try:
        llm.get_model(model).prompt(QUESTION, key=key, stream=False).text()
    except openai.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message}
    return None
