"""What exists: a name on one side, a Model on the other, and what is known about it."""
