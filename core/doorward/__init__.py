"""doorward: front doors for InferenceServices, decided by an engine without I/O.

What an embedder needs is here: the engine and what goes in and out of it, the shell that runs it, clusters and
journals.  Authors of backends find theirs in :mod:`doorward.hooks`, and what both test with is in
:mod:`doorward.testing`.  Each says in ``__all__`` what it promises; every other module is doorward's own, and may
change in any release.

Nothing is imported before it is asked for: ``import doorward`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorward.backends import BackendError, Backends
    from doorward.cluster.embedded import EmbeddedCluster
    from doorward.cluster.kube import AccessError, KubeCluster
    from doorward.cluster.protocol import ApiError, Cluster, Page, PatchType, WatchEvent
    from doorward.cluster.request import Request
    from doorward.engine import Engine
    from doorward.journal import Journal, JournalError, MemoryJournal, SharedJournal, SqliteJournal
    from doorward.journal.postgresql import PostgresqlJournal
    from doorward.lease import Candidate, Terms
    from doorward.model.action import Action
    from doorward.model.event import (
        AnyEvent,
        Applied,
        Configured,
        Deleted,
        Elapsed,
        Event,
        Failed,
        Issued,
        Leading,
        Observed,
        Record,
        Refused,
        Remembered,
        Started,
        Synced,
        Unknown,
        issued,
    )
    from doorward.model.reference import JsonObject, Ref, Resource, kind_of, ref_of
    from doorward.runtime.collection import Collection
    from doorward.runtime.leadership import Leadership
    from doorward.runtime.listener import Listener
    from doorward.runtime.performing import Outcome, outcome_of, request_of
    from doorward.runtime.reflector import Reflector
    from doorward.runtime.shell import Shell, Summary
else:
    from doorward._exports import lazily

    __getattr__, __dir__ = lazily(
        __name__,
        {
            "doorward.backends": ["BackendError", "Backends"],
            "doorward.cluster.embedded": ["EmbeddedCluster"],
            "doorward.cluster.kube": ["AccessError", "KubeCluster"],
            "doorward.cluster.protocol": ["ApiError", "Cluster", "Page", "PatchType", "WatchEvent"],
            "doorward.cluster.request": ["Request"],
            "doorward.engine": ["Engine"],
            "doorward.journal": ["Journal", "JournalError", "MemoryJournal", "SharedJournal", "SqliteJournal"],
            "doorward.journal.postgresql": ["PostgresqlJournal"],
            "doorward.lease": ["Candidate", "Terms"],
            "doorward.model.action": ["Action"],
            "doorward.model.event": [
                "AnyEvent",
                "Applied",
                "Configured",
                "Deleted",
                "Elapsed",
                "Event",
                "Failed",
                "Issued",
                "Leading",
                "Observed",
                "Record",
                "Refused",
                "Remembered",
                "Started",
                "Synced",
                "Unknown",
                "issued",
            ],
            "doorward.model.reference": ["JsonObject", "Ref", "Resource", "kind_of", "ref_of"],
            "doorward.runtime.collection": ["Collection"],
            "doorward.runtime.leadership": ["Leadership"],
            "doorward.runtime.listener": ["Listener"],
            "doorward.runtime.performing": ["Outcome", "outcome_of", "request_of"],
            "doorward.runtime.reflector": ["Reflector"],
            "doorward.runtime.shell": ["Shell", "Summary"],
        },
    )

__version__ = "0.1.0"

__all__ = [
    "AccessError",
    "Action",
    "AnyEvent",
    "ApiError",
    "Applied",
    "BackendError",
    "Backends",
    "Candidate",
    "Cluster",
    "Collection",
    "Configured",
    "Deleted",
    "Elapsed",
    "EmbeddedCluster",
    "Engine",
    "Event",
    "Failed",
    "Issued",
    "Journal",
    "JournalError",
    "JsonObject",
    "KubeCluster",
    "Leadership",
    "Leading",
    "Listener",
    "MemoryJournal",
    "Observed",
    "Outcome",
    "Page",
    "PatchType",
    "PostgresqlJournal",
    "Record",
    "Ref",
    "Reflector",
    "Refused",
    "Remembered",
    "Request",
    "Resource",
    "SharedJournal",
    "Shell",
    "SqliteJournal",
    "Started",
    "Summary",
    "Synced",
    "Terms",
    "Unknown",
    "WatchEvent",
    "__version__",
    "issued",
    "kind_of",
    "outcome_of",
    "ref_of",
    "request_of",
]
