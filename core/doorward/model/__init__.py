"""The words of the engine: references, events, actions, doors and settings.

Everything here is an immutable value.  The story of the data that passes through: the shell tells the engine what it
saw as an ``event``; the engine keeps what matters of it as facts and works out one ``door`` per InferenceService; a
backend renders the door into Kubernetes manifests; the plan turns the difference into ``action`` values for the shell
to perform, and the outcome of each comes back as an event.
"""
