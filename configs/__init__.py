"""Settings: every value a deployment may turn, as commented YAML with a typed, frozen schema beside it."""
