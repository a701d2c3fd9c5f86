"""Price suggestions: guardrails, optimum, review, price history and disclosure."""
