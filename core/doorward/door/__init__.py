"""From an InferenceService to the door that it asks for: pure."""
