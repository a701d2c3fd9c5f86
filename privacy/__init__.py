"""Consent, pseudonyms and the stores that keep people's data apart."""
