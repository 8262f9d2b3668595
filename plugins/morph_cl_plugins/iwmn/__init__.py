"""The iterative weight modulation network: a classifier that looks again at what it said."""
