"""Two stages: candidates from several retrievers, then boosted trees over one pair of customer and product."""
