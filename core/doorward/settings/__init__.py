"""From the ConfigMap to settings that count: pure."""
