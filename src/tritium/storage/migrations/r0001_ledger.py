"""The ledger: generations and runs."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Double, Text

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    op.create_table(
        "generations",
        Column("id", Text, primary_key=True),
        Column("request_id", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("model", Text, nullable=False),
        Column("provider", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("caller", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("finish_reason", Text),
        Column("streamed", Boolean, nullable=False),
        Column("first_token_ms", Double),
        Column("latency_ms", Double, nullable=False),
        Column("input_tokens", BigInteger, nullable=False),
        Column("output_tokens", BigInteger, nullable=False),
        Column("cache_read_tokens", BigInteger, nullable=False),
        Column("cache_write_tokens", BigInteger, nullable=False),
        Column("reasoning_tokens", BigInteger, nullable=False),
        Column("estimated", Boolean, nullable=False),
        Column("cost_nanodollars", BigInteger),
        Column("provider_cost_nanodollars", BigInteger),
        Column("error", Text),
    )
    op.create_index("generations_by_age", "generations", ["created_at", "id"])
    op.create_index("generations_by_request", "generations", ["request_id"])
    op.create_table(
        "runs",
        Column("id", Text, primary_key=True),
        Column("created_at", Double, nullable=False),
        Column("model", Text, nullable=False),
        Column("strategy", Text),
        Column("outcome", Text),
        Column("cost_nanodollars", BigInteger),
        Column("latency_ms", Double),
        Column("answer_preview", Text, nullable=False),
        Column("document", Text, nullable=False),
    )
    op.create_index("runs_by_age", "runs", ["created_at", "id"])
