"""morph-cl."""
