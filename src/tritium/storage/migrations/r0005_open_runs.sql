-- Runs from their first step: whose they are, which process carries them out, what they were made from.

ALTER TABLE runs ADD COLUMN caller TEXT;
ALTER TABLE runs ADD COLUMN owner TEXT;
ALTER TABLE runs ADD COLUMN replay_of TEXT;
ALTER TABLE runs ADD COLUMN shadow_of TEXT;
CREATE INDEX runs_by_caller ON runs (caller, created_at);
CREATE INDEX runs_under_way ON runs (id) WHERE outcome = 'running';
