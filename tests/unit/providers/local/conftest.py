"""The tiny model, installed once where Tritium keeps its models."""

import os
from pathlib import Path

import platformdirs
import pytest

from tritium.providers.local.faults import LocalModelError
from tritium.providers.local.install import install
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel


@pytest.fixture(scope="session")
def tiny_model() -> InstalledModel:
    data = Path(os.environ.get("TRITIUM_DATA_DIR") or platformdirs.user_data_dir("tritium"))
    try:
        return install("tiny", data / "models")[0]
    except LocalModelError as reason:
        pytest.skip(f"the tiny model can't be had: {reason}")


@pytest.fixture(scope="session")
def runtime() -> LlamaRuntime:
    """One for all tests: it serves any event loop, and loads the model once."""
    return LlamaRuntime()
