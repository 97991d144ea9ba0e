"""GeoRSMLLM: remote-sensing annotations as text made of points, and text made of points as geometry again."""

__version__ = "0.1.0"
