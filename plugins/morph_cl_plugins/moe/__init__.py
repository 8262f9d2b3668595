"""A mixture of experts behind a top-k gate, and the parts that other mixtures are made of."""
