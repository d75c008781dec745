"""KServe's kinds as sources of doors."""
