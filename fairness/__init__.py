"""What a candidate has to pass before it may be served."""
