"""Measures of a drifting stream: pure functions of a prequential trace and its known drift points."""
