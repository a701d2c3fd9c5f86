"""The two-tower recommender: customer and product vectors, a repeat head, and how they are fitted and scored."""
