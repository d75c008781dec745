"""The conformance kit: what every backend promises, tried on somebody's own.

    pytest --doorward-backend=NAME --doorward-evaluator=MODULE:CLASS

plays every rule on the backend NAME as its entry point gives it; both options have a setting of the same name in
pytest's configuration (``doorward_backend``).  The evaluator tells how requests travel by the backend's objects:
:class:`Evaluator`.  Without pytest, :func:`conform` gives the same as a value.
"""

from doorward.testing.conformance.breach import Breach
from doorward.testing.conformance.doors import make
from doorward.testing.conformance.evaluator import Answer, Evaluator, accepted, split, standard
from doorward.testing.conformance.report import Finding, Report, conform

__all__ = ["Answer", "Breach", "Evaluator", "Finding", "Report", "accepted", "conform", "make", "split", "standard"]
