"""Models, their evaluation, and the bundle that hands them to serving."""
