"""Recorded answers put through the engine: the sets, the arms, and what is counted."""
