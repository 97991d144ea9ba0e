"""Answers that cannot go wrong: the grammar of the asked form, walked over a tokenizer's pieces."""
