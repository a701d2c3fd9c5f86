"""Demand: a probabilistic forecaster, and apart from it the price response that decisions rest on."""
