"""Datasets as they lie on disk become samples; one file per dataset, and the file is its registration."""
