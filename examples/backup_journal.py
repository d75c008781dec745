"""Copies a journal that is being written: python3 backup_journal.py journal.sqlite backup.sqlite."""

import sqlite3
import sys

source, target = sys.argv[1:]
with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as journal, sqlite3.connect(target) as copy:
    journal.backup(copy)
