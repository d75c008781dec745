"""What the engine knows: the fold of all events, and the tables that it is kept in: pure."""
