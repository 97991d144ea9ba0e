"""A query with several conditions becomes a plan of steps, each with one condition."""
