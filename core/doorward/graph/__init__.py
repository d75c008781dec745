"""Facts, and the doors that follow from them: pure."""
