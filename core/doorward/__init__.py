"""doorward: front doors for InferenceServices, decided by an engine without I/O."""

__version__ = "0.1.0"
