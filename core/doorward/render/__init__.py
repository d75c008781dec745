"""From a door to the objects that should stand, by its backends: pure."""
