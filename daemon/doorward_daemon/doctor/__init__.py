"""``doorward doctor``: what keeps requests from arriving, how one sees that, and what to do.

    examination   the engine before the cluster as it stands, and what it would report and write
       |
    checks        one file for each place where things go wrong: the report, components, gateways, rights, names,
       |          certificates, writers, who runs, clocks; each reads, and none writes
    findings      cause, evidence, remedy

What the engine says of a door isn't worked out a second time: :mod:`.reported` adds remedies to it.
"""

from doorward_daemon.doctor.command import command

__all__ = ["command"]
