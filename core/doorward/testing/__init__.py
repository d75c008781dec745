"""What authors of backends and embedders test with."""
