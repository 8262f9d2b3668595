"""Drift detectors: river's, a two-sample test on features, and two controls."""
