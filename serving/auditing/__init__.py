"""Audits put together: what a model does, judged by the measures of `fairness`."""
