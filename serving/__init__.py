"""The HTTP service, its use cases, and the command line."""
