"""A backend in the making."""
