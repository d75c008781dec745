"""The page at ``/ui``: every door, read-only, for people.

    shell --records--> Doors       the list, recomputed for what changed           doors.py
          --records--> Past        what happened, where there is no journal        past.py
    engine, Past  ---> Scene       one door as it is, or was: its objects          scene.py
                       | story     what happened to it, moment by moment           story.py
                       | picture   host -> gateway -> rule -> component            picture.py, rules.py, causes.py
                       | changes   what differs between two moments                changes.py
    all of these  ---> JSON, CSV, server-sent events                               page.py, stream.py, table.py

It reads the engine's public questions and what listeners are told, and writes nothing.  What it answers is bounded, and
so is what it keeps; what everybody asks for is packed once (``packed.py``).  Who may look is decided in ``access.py``;
what a browser may do with an answer in ``headers.py``.  ``static/`` is what the browser runs, as it is written.
"""

from doorward_daemon.ui.page import Page

__all__ = ["Page"]
