"""The difference between what stands and what should, and the order to mend it in: pure."""
