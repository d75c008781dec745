"""What is measured before a real API server: doorward's process, its peers, and whoever looks on from outside."""
