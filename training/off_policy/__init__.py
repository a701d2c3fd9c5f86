"""What lists that were shown say about lists that another policy would have shown."""
