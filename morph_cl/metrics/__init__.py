"""Metrics: pure functions of what a run recorded. No torch here: comparing stored runs stays quick."""
