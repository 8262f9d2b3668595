"""A maxout expert for morph-cl."""
