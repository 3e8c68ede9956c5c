"""Anthropic's Messages dialect: any model here, for Claude Code and every other client that speaks it."""
