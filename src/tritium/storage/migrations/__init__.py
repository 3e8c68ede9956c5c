"""The schema's history: a file per change, applied in order by `tritium.storage.schema`.

Format: Alembic revisions named `rNNNN_what.py`, with `revision = "NNNN"`, `down_revision` and `upgrade(op)`.
A file that has been released is never edited; a change is a new file.
"""
