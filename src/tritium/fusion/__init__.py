"""Models that ask several models and answer once."""
