"""Meta's own `sam2` package as a mask decoder: the second backend, for who trusts the original code more than its port.

Only this file imports it, and only when it is asked for: it needs torchvision, which no machine without the matching build of
torch can import. Frame: view pixels, as `georsmllm.sam`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.devices import device_and_dtype
from georsmllm.errors import MissingExtra, UsageError
from georsmllm.geometry import bounds
from georsmllm.maskdecoder import Decoded
from georsmllm.sam import clipped, encoded
from georsmllm.sam_settings import USUAL, Settings
from georsmllm.sam_weights import size_of, state_of
from georsmllm.types import PointSet

if TYPE_CHECKING:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

_LETTERS = {"tiny": "t", "small": "s", "base-plus": "b+", "large": "l"}
_OF_2_1 = "no_obj_embed_spatial"
"""A weight that SAM 2.1 has and SAM 2 has not."""


class _Found(NamedTuple):
    """N x H x W, and N."""

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]


class MetaDecoder:
    """A `MaskDecoder` on SAM2ImagePredictor: an image is set once, the prompts of one form go together; the encoding of the
    last image alone is kept. num_encodings, num_decodings: as `Sam2Decoder` counts them."""

    def __init__(self, predictor: SAM2ImagePredictor, name: str, *, settings: Settings = USUAL) -> None:
        self.predictor = predictor
        self.title = f"SAM 2 (Meta's package, {name})"
        self.settings = settings
        self.num_encodings = 0
        self.num_decodings = 0
        self._set = ""
        self._lock = threading.Lock()

    def masks(self, rgb: NDArray[np.uint8], prompts: Sequence[PointSet], *, key: str = "") -> tuple[Decoded, ...]:
        """One mask a prompt, in order; no prompt: nothing is encoded."""
        found: dict[int, Decoded] = {}
        with self._lock:
            if prompts and (not key or key != self._set):
                self.predictor.set_image(rgb)
                self.num_encodings += 1
                self._set = key
            for group in alike(prompts):
                for start in range(0, len(group), self.settings.chunk or len(group)):
                    part = group[start : start + (self.settings.chunk or len(group))]
                    out = self._predicted([prompts[i] for i in part])
                    for i, array, score in zip(part, out.masks, out.scores, strict=True):
                        kept = clipped(array, prompts[i]) if self.settings.clip else array
                        found[i] = Decoded(encoded(kept), float(score))
        return tuple(found[i] for i in range(len(prompts)))

    def _predicted(self, prompts: Sequence[PointSet]) -> _Found:
        self.num_decodings += 1
        is_point = prompts[0].kind == "point"
        points = [[one.rings[0].points[0]] if is_point else list(one.keypoints) for one in prompts]
        points_NP2 = np.array(points, dtype=np.float32).reshape(len(prompts), -1, 2)
        has_points = points_NP2.shape[1] > 0
        masks, scores, _ = self.predictor.predict(
            point_coords=points_NP2 if has_points else None,
            point_labels=np.ones(points_NP2.shape[:2], dtype=np.int32) if has_points else None,
            box=None if is_point else np.array([bounds(one) for one in prompts], dtype=np.float32),
            multimask_output=self.settings.multimask == "on" or (self.settings.multimask == "auto" and is_point),
        )
        masks_NMHW = np.asarray(masks).reshape(len(prompts), -1, *np.asarray(masks).shape[-2:]) > 0
        scores_NM = np.asarray(scores, dtype=np.float32).reshape(len(prompts), -1)
        best_N, rows_N = scores_NM.argmax(axis=1), np.arange(len(prompts))
        return _Found(masks_NMHW[rows_N, best_N], scores_NM[rows_N, best_N])


def load(path: str | Path, *, device: str = "auto", settings: Settings = USUAL) -> MetaDecoder:
    """Of one of Meta's .pt files; its size and version are told by its weights. Raises UsageError, MissingExtra."""
    if find_spec("sam2") is None:
        raise MissingExtra("sam2", "sam2", "Meta's own SAM 2")
    path = Path(path).expanduser()
    state = state_of(path)
    folder, version = ("sam2.1", "sam2.1") if _OF_2_1 in state else ("sam2", "sam2")
    config = f"configs/{folder}/{version}_hiera_{_LETTERS[size_of(state, path)]}.yaml"
    try:
        from sam2.build_sam import build_sam2
        from sam2.sam2_image_predictor import SAM2ImagePredictor
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(
            f"sam2 is installed and cannot be imported: {reason}; it needs the torchvision of this torch"
        ) from None
    place, _ = device_and_dtype(device, "float32")
    return MetaDecoder(SAM2ImagePredictor(build_sam2(config, str(path), device=place)), path.name, settings=settings)


def alike(prompts: Sequence[PointSet]) -> list[list[int]]:
    """Indices of prompts that one call can hold: points alone, and boxes with equally many points."""
    found: dict[tuple[bool, int], list[int]] = {}
    for i, one in enumerate(prompts):
        found.setdefault((one.kind == "point", -len(one.keypoints)), []).append(i)
    return [found[form] for form in sorted(found)]
