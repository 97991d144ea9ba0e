"""Readers of public label formats that more than one converter needs; one file per format."""
