"""Numbers of customers for people outside the audit role: noise, memory, price, and one form for each question."""
