"""The shell: it watches, performs, retries and keeps the clock, so that the engine needn't."""
