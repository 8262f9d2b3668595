"""Established continual learners, to measure new ones against."""
