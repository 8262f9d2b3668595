"""The command line: a typer app at the edge, over the same functions as the Python API."""
