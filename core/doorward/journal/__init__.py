"""The journal: append, fold, snapshot, replay; in memory and in SQLite."""
