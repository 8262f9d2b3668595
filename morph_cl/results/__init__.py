"""Results: the record of a run and the store that keeps records on disk."""
