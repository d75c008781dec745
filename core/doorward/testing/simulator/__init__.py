"""The simulator: bad days by the thousand, each the same whenever it is played again.

    seed --generate--> scenario --play--> run
                          |                |
                        story           violation --shrink--> the shortest scenario that fails in the same way

A scenario is a list of steps: what users do, what the cluster and its other inhabitants do, what the engine's process
does, and what goes wrong.  Playing it checks every invariant at every step; at its end faults stop, and the cluster has
to reach what the inputs ask for and stay there.  Everything happens in one thread and in virtual time.
"""

from doorward.testing.simulator.generate import generate
from doorward.testing.simulator.invariants import Violation
from doorward.testing.simulator.runner import Run, play
from doorward.testing.simulator.scenario import Scenario, dump, load
from doorward.testing.simulator.shrink import Failure, failure, shrink
from doorward.testing.simulator.story import tell
from doorward.testing.simulator.sweep import Tally, sweep

__all__ = [
    "Failure",
    "Run",
    "Scenario",
    "Tally",
    "Violation",
    "dump",
    "failure",
    "generate",
    "load",
    "play",
    "shrink",
    "sweep",
    "tell",
]
