"""rejects."""
