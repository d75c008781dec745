"""Inputs that nobody would write, and what must hold for each of them (docs/security.md, Fuzzing).

A target (``templates.py``, ``doors.py`` and so on) makes an input of choices, and checks it.  Where the choices come
from is another matter: hypothesis draws them in the tests, bytes of a seed or of a coverage-guided fuzzer give them in
``python -m tests.fuzz``.  What was found is kept in ``found/``, as the input itself, and checked for ever.
"""

TARGETS = ("templates", "authorization", "strangers", "configmaps", "files", "journals", "doors")
"""Each is a module of this package."""
