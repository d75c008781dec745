"""Who owns a host: pure."""
