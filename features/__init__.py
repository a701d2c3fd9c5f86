"""Table contracts, sources, the lake, and the Feast definitions that feed the models."""
