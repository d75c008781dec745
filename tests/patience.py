"""How long tests wait for what has to happen."""

PATIENCE = 120.0
"""Seconds until a wait gives up.  Only a failure waits as long, so that a busy machine makes no test fail."""
