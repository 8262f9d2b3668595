"""A mixture whose gate is taught, in training, which expert is meant for which label."""
