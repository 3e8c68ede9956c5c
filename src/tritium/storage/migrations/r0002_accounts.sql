-- Accounts: keys, authorization codes, and the money that is set aside for calls under way.

CREATE TABLE keys (
    hash TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    limit_nanodollars BIGINT,
    limit_reset TEXT,
    allowed_models TEXT,
    allowed_providers TEXT,
    requests_per_minute BIGINT,
    tokens_per_minute BIGINT,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION,
    expires_at DOUBLE PRECISION
);

CREATE TABLE key_changes (
    id BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO key_changes (id, version) VALUES (1, 0);

CREATE TABLE auth_codes (
    hash TEXT NOT NULL PRIMARY KEY,
    created_at DOUBLE PRECISION NOT NULL,
    challenge TEXT,
    method TEXT,
    key TEXT NOT NULL
);

CREATE TABLE reservations (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    caller TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    role TEXT NOT NULL,
    streamed BOOLEAN NOT NULL,
    nanodollars BIGINT NOT NULL,
    owner TEXT NOT NULL
);
CREATE INDEX reservations_by_caller ON reservations (caller, created_at);
CREATE INDEX generations_by_caller ON generations (caller, created_at);
