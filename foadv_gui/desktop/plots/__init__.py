"""The plots: each draws what the session points at."""
