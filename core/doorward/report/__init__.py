"""How a door stands, told to its users: condition, status and Events: pure."""
