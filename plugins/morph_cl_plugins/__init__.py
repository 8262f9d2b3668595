"""The plugins that come with morph-cl, one folder each."""
