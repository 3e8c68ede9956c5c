"""The outside world: one file per wire format, one row of `registry.toml` per OpenAI-compatible vendor."""
