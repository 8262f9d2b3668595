"""MORPH: experts that grow, concepts that route, a graph that remembers, and sleep."""
