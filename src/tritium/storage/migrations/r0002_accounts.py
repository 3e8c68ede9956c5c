"""Accounts: keys, authorization codes, and the money that is set aside for calls under way."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Double, Text

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keys",
        Column("hash", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("label", Text, nullable=False),
        Column("disabled", Boolean, nullable=False),
        Column("limit_nanodollars", BigInteger),
        Column("limit_reset", Text),
        Column("allowed_models", Text),
        Column("allowed_providers", Text),
        Column("requests_per_minute", BigInteger),
        Column("tokens_per_minute", BigInteger),
        Column("created_at", Double, nullable=False),
        Column("updated_at", Double),
        Column("expires_at", Double),
    )
    op.create_table(
        "key_changes",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("version", BigInteger, nullable=False),
    )
    op.execute("INSERT INTO key_changes (id, version) VALUES (1, 0)")
    op.create_table(
        "auth_codes",
        Column("hash", Text, primary_key=True),
        Column("created_at", Double, nullable=False),
        Column("challenge", Text),
        Column("method", Text),
        Column("key", Text, nullable=False),
    )
    op.create_table(
        "reservations",
        Column("id", Text, primary_key=True),
        Column("request_id", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("caller", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("provider", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("streamed", Boolean, nullable=False),
        Column("nanodollars", BigInteger, nullable=False),
        Column("owner", Text, nullable=False),
    )
    op.create_index("reservations_by_caller", "reservations", ["caller", "created_at"])
    op.create_index("generations_by_caller", "generations", ["caller", "created_at"])
