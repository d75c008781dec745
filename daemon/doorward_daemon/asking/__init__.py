"""Asking: which doors there are, why they are as they are, what was, and what would be.  Nothing here writes.

``get``, ``diff`` and ``explain`` read a cluster (:mod:`.looking`) and ask the engine itself, without performing what it
decides; ``log`` and ``replay`` read a journal (:mod:`.journals`).
"""
