"""Who may ask, for what, and for how much: keys, limits, rates, guardrails."""
