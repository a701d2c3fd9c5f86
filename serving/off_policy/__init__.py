"""Decisions on record as evidence about policies that were not in charge."""
