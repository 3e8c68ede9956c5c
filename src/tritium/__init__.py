"""Tritium: many language models, fused into one, behind one OpenAI-compatible API."""

from importlib.metadata import version

__version__ = version("tritium")
