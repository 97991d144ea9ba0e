"""SAM 2 as a mask decoder: the image is encoded once, and the prompts of all its objects are decoded in batches.

Frame: view pixels in and out. transformers' `Sam2Model` with our own preprocessing (its processors need torchvision): the view
is stretched to the model's square side S by Pillow's bilinear filter; x is scaled by S / width, y by S / height.

Prompts with equally many points go into one batch. Batches are not padded to the most points: a padding point (label -10)
is a token of zeros that the attention still reads, and it moves the mask (up to an eighth of the pixels of a random model with
large weights; nothing visible at the initialisation's small ones), so that an object's mask would depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from math import ceil, floor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from numpy.typing import NDArray
from PIL import Image
from transformers import Sam2Model

from georsmllm import masks
from georsmllm.errors import UsageError
from georsmllm.geometry import bounds
from georsmllm.maskdecoder import Decoded
from georsmllm.sam_chunks import Chunks
from georsmllm.sam_loading import model_of
from georsmllm.sam_settings import USUAL, Precision, Settings
from georsmllm.types import Mask, PointSet

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, by which SAM 2 was trained."""
_PIXELS_AT_ONCE = 1 << 25
"""Logits that are enlarged at once: 128 MiB of floats."""


class Prompt(NamedTuple):
    """In pixels of the model's square. box: x1, y1, x2, y2, or None for points alone."""

    box: tuple[float, float, float, float] | None
    points: tuple[tuple[float, float], ...]


class Sam2Decoder:
    """A `MaskDecoder`. num_encodings, num_decodings: images that went through the encoder, and calls of the decoder.

    Safe to share between threads: one view at a time.
    """

    def __init__(
        self, model: Sam2Model, name: str, *, settings: Settings = USUAL, precision: Precision = "auto"
    ) -> None:
        self.model = model.eval()
        self.title = f"SAM 2 ({name})"
        self.settings = settings
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.chunks = Chunks(settings.chunk)
        self.num_encodings = 0
        self.num_decodings = 0
        on_gpu = model.device.type == "cuda"
        self._encodes_in_bfloat16 = precision == "bfloat16" or (precision == "auto" and on_gpu)
        self._cache: OrderedDict[str, list[torch.Tensor]] = OrderedDict()
        self._lock = threading.Lock()

    def masks(self, rgb: NDArray[np.uint8], prompts: Sequence[PointSet], *, key: str = "") -> tuple[Decoded, ...]:
        """One mask a prompt, in order; no prompt: nothing is encoded."""
        if not prompts:
            return ()
        height, width = rgb.shape[:2]
        with self._lock, torch.inference_mode():
            scaled = [prompt_of(shape, (width, height), self.side) for shape in prompts]
            encoding = self._encoding(rgb, key)
            found: dict[int, Decoded] = {}
            for group in groups(scaled):
                logits, scores = self._decoded(encoding, [scaled[i] for i in group])
                arrays = _enlarged(logits, (width, height))
                for i, array, score in zip(group, arrays, scores, strict=True):
                    kept = clipped(array, prompts[i]) if self.settings.clip else array
                    found[i] = Decoded(encoded(kept), score)
        return tuple(found[i] for i in range(len(prompts)))

    def identity(self) -> str:
        """A hash of the weights: of every tensor its name, its shape and 1024 numbers from its middle."""
        digest = hashlib.sha256()
        for name, one in sorted(self.model.state_dict().items()):
            flat = one.flatten()
            middle = max(0, (len(flat) - 1024) // 2)
            digest.update(f"{name}\0{tuple(one.shape)}\0".encode())
            digest.update(flat[middle : middle + 1024].float().cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _encoding(self, rgb: NDArray[np.uint8], key: str) -> list[torch.Tensor]:
        """The feature maps of a view, in float32; out of the cache where its key is there."""
        if key and key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        pixels = preprocess(rgb, self.side).to(self.model.device)
        try:
            with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self._encodes_in_bfloat16):
                maps = self.model.get_image_embeddings(pixels[None])
        except RuntimeError as error:
            if not _is_memory(error):
                raise
            raise UsageError("out of memory while SAM 2 encodes one image; take a smaller SAM 2, or the CPU") from None
        self.num_encodings += 1
        encoding = [one.float() for one in maps]
        if key:
            self._keep(key, encoding)
        return encoding

    def _keep(self, key: str, encoding: list[torch.Tensor]) -> None:
        self._cache[key] = encoding
        while self._cache and sum(map(_num_bytes, self._cache.values())) > self.settings.cache_bytes:
            self._cache.popitem(last=False)

    def _decoded(self, encoding: list[torch.Tensor], prompts: Sequence[Prompt]) -> tuple[torch.Tensor, list[float]]:
        """Logits (N, S/4, S/4) and predicted IoU of prompts of one form, in chunks that fit."""
        logits: list[torch.Tensor] = []
        scores: list[float] = []
        while len(scores) < len(prompts):
            part = prompts[len(scores) : len(scores) + self.chunks.size]
            began = time.perf_counter()
            found = self._decoded_if_it_fits(encoding, part)
            if found is None:
                if self.model.device.type == "cuda":
                    torch.cuda.empty_cache()
                self.chunks.halve()
                continue
            logits.append(found[0])
            scores += found[1].tolist()  # waits for the device
            self.chunks.learn(len(part), time.perf_counter() - began)
        return torch.cat(logits), scores

    def _decoded_if_it_fits(
        self, encoding: list[torch.Tensor], prompts: Sequence[Prompt]
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """None: out of memory; what was allocated goes with this frame."""
        try:
            return self._decode(encoding, prompts)
        except RuntimeError as error:
            if not _is_memory(error):
                raise
            return None

    def _decode(self, encoding: list[torch.Tensor], prompts: Sequence[Prompt]) -> tuple[torch.Tensor, torch.Tensor]:
        self.num_decodings += 1
        device = self.model.device
        boxes = [prompt.box for prompt in prompts if prompt.box is not None]
        points_1NP2 = torch.tensor([[prompt.points for prompt in prompts]], dtype=torch.float32, device=device)
        has_points = bool(prompts[0].points)
        is_lone = not boxes and len(prompts[0].points) == 1
        out = self.model(
            image_embeddings=list(encoding),
            input_boxes=torch.tensor([boxes], dtype=torch.float32, device=device) if boxes else None,
            input_points=points_1NP2 if has_points else None,
            input_labels=torch.ones(points_1NP2.shape[:3], dtype=torch.int32, device=device) if has_points else None,
            multimask_output=self.settings.multimask == "on" or (self.settings.multimask == "auto" and is_lone),
        )
        masks_NMHW, scores_NM = out.pred_masks[0].float(), out.iou_scores[0].float()
        best_N = scores_NM.argmax(dim=1)
        rows_N = torch.arange(len(prompts), device=device)
        return masks_NMHW[rows_N, best_N], scores_NM[rows_N, best_N]


def load(
    path_or_id: str | Path, *, device: str = "auto", settings: Settings = USUAL, precision: Precision = "auto"
) -> Sam2Decoder:
    """SAM 2 of a folder, a hub id such as facebook/sam2.1-hiera-small, or one of Meta's .pt files; raises UsageError.

    precision: of the encoder, "auto": bfloat16 on a GPU. Prompts and masks are always float32: a coordinate up to 1024 is not
    exact to a pixel in bfloat16.
    """
    loaded = model_of(path_or_id, device=device)
    return Sam2Decoder(loaded.model, loaded.name, settings=settings, precision=precision)


def preprocess(rgb: NDArray[np.uint8], side: int) -> torch.Tensor:
    """3 x S x S, normalised, float32; the numbers of transformers' Sam2ImageProcessor to 2.4e-7."""
    image = Image.fromarray(rgb)
    square = image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BILINEAR)
    pixels_CHW = torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (pixels_CHW - mean) / std


def prompt_of(shape: PointSet, size_wh: tuple[int, int], side: int) -> Prompt:
    """A shape as the model's prompt: of a point the point, else its bounds and its keypoints; what lies beyond the view is
    brought to its border."""
    across, down = side / size_wh[0], side / size_wh[1]

    def scaled(x: float, y: float) -> tuple[float, float]:
        return min(max(x * across, 0.0), float(side)), min(max(y * down, 0.0), float(side))

    if shape.kind == "point":
        return Prompt(None, (scaled(*shape.rings[0].points[0]),))
    x1, y1, x2, y2 = bounds(shape)
    return Prompt((*scaled(x1, y1), *scaled(x2, y2)), tuple(scaled(x, y) for x, y in shape.keypoints))


def groups(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Indices of prompts of one form (box or none, number of points), most points first; each keeps its order."""
    found: dict[tuple[int, bool], list[int]] = {}
    for i, prompt in enumerate(prompts):
        found.setdefault((-len(prompt.points), prompt.box is None), []).append(i)
    return [found[form] for form in sorted(found)]


def _enlarged(logits_NHW: torch.Tensor, size_wh: tuple[int, int]) -> Iterator[NDArray[np.bool_]]:
    """Each mask at the size of the view; a few are in memory at a time."""
    width, height = size_wh
    for part in logits_NHW.split(max(1, _PIXELS_AT_ONCE // (width * height))):
        large = F.interpolate(part[:, None], (height, width), mode="bilinear", align_corners=False)
        yield from (large[:, 0] > 0).cpu().numpy()


def clipped(array: NDArray[np.bool_], prompt: PointSet) -> NDArray[np.bool_]:
    """A mask without what lies outside of the pixels that its prompt's box touches; a point clips nothing."""
    if prompt.kind == "point":
        return array
    x1, y1, x2, y2 = bounds(prompt)
    rows, columns = (slice(max(0, floor(low)), max(0, ceil(high))) for low, high in ((y1, y2), (x1, x2)))
    kept = np.zeros_like(array)
    kept[rows, columns] = array[rows, columns]
    return kept


def encoded(array: NDArray[np.bool_]) -> Mask:
    """Run lengths of an (H, W) array that is mostly empty."""
    height, width = array.shape
    rows, columns = np.flatnonzero(array.any(axis=1)), np.flatnonzero(array.any(axis=0))
    if not len(rows):
        return Mask(width, height, (width * height,))
    top, left = int(rows[0]), int(columns[0])
    inside = array[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    return masks.encode_crop(masks.Crop(inside, left, top), (width, height))


def _num_bytes(encoding: list[torch.Tensor]) -> int:
    return sum(one.numel() * one.element_size() for one in encoding)


def _is_memory(error: RuntimeError) -> bool:
    """A GPU's memory that ran out, or the CPU's allocator saying so."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
