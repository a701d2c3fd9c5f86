"""Experiments: who gets which arm, and what may be concluded while they run."""
