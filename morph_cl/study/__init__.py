"""Studies: a question, the protocol that answers it, and the tables of the answer. Nothing here trains."""
