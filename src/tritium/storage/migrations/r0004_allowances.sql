-- Several processes spending one limit: what each has been given of it, and which of them still live.

CREATE TABLE allowances (
    purse TEXT NOT NULL,
    begins BIGINT NOT NULL,
    owner TEXT NOT NULL,
    nanodollars BIGINT NOT NULL,
    PRIMARY KEY (purse, begins, owner)
);

CREATE TABLE processes (
    name TEXT NOT NULL PRIMARY KEY,
    seen_at DOUBLE PRECISION NOT NULL
);
