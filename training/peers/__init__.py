"""The public methods that a retailer could pick instead of ours, fitted on the same rows."""
