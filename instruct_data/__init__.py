"""Samples become instructions, instructions become records, records become a training set."""
