"""One run: a strategy meets a stream, is evaluated after every experience, and leaves a record."""
