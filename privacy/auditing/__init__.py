"""The empirical audit: planted customers, lower bounds on what a mechanism reveals, and the signed record of both."""
