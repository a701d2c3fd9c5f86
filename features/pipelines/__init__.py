"""Feature pipelines: Ibis expressions over the lake, run by DuckDB on one machine or by Spark on many."""
