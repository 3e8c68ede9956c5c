-- The ledger: generations and runs.

CREATE TABLE generations (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    role TEXT NOT NULL,
    caller TEXT NOT NULL,
    outcome TEXT NOT NULL,
    finish_reason TEXT,
    streamed BOOLEAN NOT NULL,
    first_token_ms DOUBLE PRECISION,
    latency_ms DOUBLE PRECISION NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    cost_nanodollars BIGINT,
    provider_cost_nanodollars BIGINT,
    error TEXT
);
CREATE INDEX generations_by_age ON generations (created_at, id);
CREATE INDEX generations_by_request ON generations (request_id);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    created_at DOUBLE PRECISION NOT NULL,
    model TEXT NOT NULL,
    strategy TEXT,
    outcome TEXT,
    cost_nanodollars BIGINT,
    latency_ms DOUBLE PRECISION,
    answer_preview TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX runs_by_age ON runs (created_at, id);
