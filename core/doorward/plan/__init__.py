"""From what stands and what should to writes, in the order in which they may go out: pure."""
