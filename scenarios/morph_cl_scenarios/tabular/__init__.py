"""Drifting streams of table rows: river's generators, and recorded streams."""
