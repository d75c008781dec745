"""Controllers that write what doorward writes, each as the documentation of its framework has it.

All write the same Ingress, Service and status for each service; :mod:`benchmarks.cluster.outcome` compares them.
doorward alone looks at who owns a host, asks before it takes over what stands, and keeps a door during a change: what
that costs is part of what is measured.
"""
