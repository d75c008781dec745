"""Backends are tested as the engine uses them: found by entry point, called through pluggy, fed with doors."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cases")]
