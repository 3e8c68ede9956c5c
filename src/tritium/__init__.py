"""Tritium: many language models, fused into one, behind one OpenAI-compatible API."""

__version__ = "0.1.0"  # written out: to look it up among the installed packages takes longer than all of this
