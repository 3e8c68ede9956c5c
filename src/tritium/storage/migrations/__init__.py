"""The schema's history: a file of SQL per change, applied in order by `tritium.storage.schema`.

Names: `rNNNN_what.sql`, numbered without a gap. Each statement ends with a `;` at the end of its line, in words that
SQLite and PostgreSQL both understand. A file that has been released is never edited; a change is a new file.
"""
