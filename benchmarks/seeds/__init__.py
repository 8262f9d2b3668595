"""The parts of the study of the seed models, ``benchmarks/seed_models.py``."""
