"""Answers of real models that were recorded once and are given again: their `tables`, look-up, and `source`."""

PROVIDER = "recorded"
