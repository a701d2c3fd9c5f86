"""People in the service: every store that may hold one, and what the routes about one refuse."""
