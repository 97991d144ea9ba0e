"""From stored values to 0..255: the one radiometry door, for building, training and asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Limits = tuple[tuple[float, float], ...]

SAMPLE_PIXELS = 1_000_000
"""Percentiles of larger images come from so many of their pixels."""


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How stored values become 0..255: linearly between two percentiles of each band of the *whole* file, no nodata.

    "auto" leaves 8-bit bands as they are and stretches all wider ones; "percentile" stretches 8-bit bands as well.
    `str` is what stands in a record's provenance.
    """

    kind: Literal["auto", "percentile"] = "auto"
    low: float = 2.0
    high: float = 98.0

    def __str__(self) -> str:
        return f"{self.kind} {self.low:g}-{self.high:g}"


AUTO = Stretch()


def to_rgb(
    bands: Array,
    stretch: Stretch,
    *,
    valid: NDArray[np.bool_] | None = None,
    limits: Limits = (),
) -> NDArray[np.uint8]:
    """C x H x W (1 or 3 bands, any type) to H x W x 3: the one radiometry door.

    valid: same shape, False is nodata and becomes 0. limits: (low, high) of each band, of the file that the bands are a
    window of; none: of these bands themselves.
    """
    import numpy as np

    if stretch.kind == "auto" and bands.dtype == np.uint8:
        return hwc(np.repeat(bands, 3, axis=0) if len(bands) == 1 else bands)
    known = np.isfinite(bands) if valid is None else valid & np.isfinite(bands)
    out = np.zeros(bands.shape, np.uint8)
    for band, mask, target, (low, high) in zip(
        bands, known, out, limits or band_limits(bands, known, stretch), strict=True
    ):
        share = (band[mask].astype(np.float64) - low) / (high - low if high > low else 1.0)
        target[mask] = np.floor(np.clip(share, 0.0, 1.0) * 255 + 0.5)
    return hwc(np.repeat(out, 3, axis=0) if len(out) == 1 else out)


def band_limits(bands: Array, known: NDArray[np.bool_], stretch: Stretch) -> Limits:
    """The two percentiles of each band's known pixels; (0, 1) for a band without any."""
    import numpy as np

    pairs = []
    for band, mask in zip(bands, known & np.isfinite(bands), strict=True):
        low, high = np.percentile(band[mask], (stretch.low, stretch.high)) if mask.any() else (0.0, 1.0)
        pairs.append((float(low), float(high)))
    return tuple(pairs)


def hwc(bands: Array) -> NDArray[np.uint8]:
    """C x H x W bytes as H x W x C, not copied."""
    return bands.transpose(1, 2, 0)  # type: ignore[return-value]
