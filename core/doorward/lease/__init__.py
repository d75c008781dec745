"""One leader among processes that could each do the work, chosen by a Lease of the cluster."""

from doorward.lease.candidate import LEASE, Candidate
from doorward.lease.election import Election, Terms

__all__ = ["LEASE", "Candidate", "Election", "Terms"]
