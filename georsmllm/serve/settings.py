"""How a server is set up: where it listens, who may ask, and how much it takes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """host: the address to bind. port: 0 takes a free one. api_key: "" lets everyone in. samples: a folder of images that
    are offered. queue: asks that may wait for the model beside the one at work. Times in seconds.

    kept_images, kept_bytes, kept_results: beyond these the oldest is forgotten; kept_s: so is what nobody used that long.
    bodies: requests with images in them that arrive at once, each of at most max_upload_bytes, those of the chat in memory.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str = ""
    samples: Path | None = None
    max_upload_bytes: int = 200 * MEGA
    max_pixels: int = 400 * MEGA
    queue: int = 4
    bodies: int = 8
    ask_timeout_s: float = 600.0
    body_timeout_s: float = 120.0
    kept_images: int = 64
    kept_bytes: int = 4000 * MEGA
    kept_results: int = 64
    kept_s: float = 3600.0
    max_new_tokens: int = 4096
    default_new_tokens: int = 512

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Of an address or a name, without a port."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
