-- What providers answered: the HTTP status of each call; NULL of those before, and of calls that were cut short.

ALTER TABLE generations ADD COLUMN status BIGINT;
