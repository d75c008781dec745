"""How fast the engine is, each figure as a ratio measured side by side in one run."""
