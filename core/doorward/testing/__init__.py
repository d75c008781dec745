"""What authors of backends and embedders test with.

The conformance kit (docs/conformance.md, What every backend promises), and the engine before a server in memory, for
what is yours alone.  Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorward.cluster.embedded import Store
    from doorward.runtime.offline import Clock, Offline
    from doorward.testing.conformance.breach import Breach
    from doorward.testing.conformance.doors import make
    from doorward.testing.conformance.evaluator import Answer, Evaluator, accepted, split, standard
    from doorward.testing.conformance.report import Finding, Report, conform
else:
    from doorward._exports import lazily

    __getattr__, __dir__ = lazily(
        __name__,
        {
            "doorward.cluster.embedded": ["Store"],
            "doorward.runtime.offline": ["Clock", "Offline"],
            "doorward.testing.conformance.breach": ["Breach"],
            "doorward.testing.conformance.doors": ["make"],
            "doorward.testing.conformance.evaluator": ["Answer", "Evaluator", "accepted", "split", "standard"],
            "doorward.testing.conformance.report": ["Finding", "Report", "conform"],
        },
    )

__all__ = [
    "Answer",
    "Breach",
    "Clock",
    "Evaluator",
    "Finding",
    "Offline",
    "Report",
    "Store",
    "accepted",
    "conform",
    "make",
    "split",
    "standard",
]
