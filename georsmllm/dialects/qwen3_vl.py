"""Qwen3-VL: JSON with `bbox_2d` and `point_2d`, numbers 0 to 1000 relative to the view, whatever its size."""

from __future__ import annotations

from functools import partial

from georsmllm.contracts import Dialect, Example, Spoken
from georsmllm.types import box, point

from ._ear import found
from ._frames import cells, relative
from ._json_form import STRETCH
from ._qwen_json import SAYS, decode, encode

extent = relative(1000)

DIALECT = Dialect(
    title="Qwen3-VL",
    source="QwenLM/Qwen3-VL cookbooks (2d_grounding, spatial_understanding, omni_recognition)",
    kinds=SAYS,
    frame="the view",
    span="0 to 1000 on each axis",
    rounding="to the nearest",
    corner_order="min corner, max corner",
    angle="none",
    is_labelled=True,
    encode=partial(encode, extent),
    decode=partial(decode, extent),
    stretches=partial(found, STRETCH),
    grid=cells(extent),
    extent=extent,
    examples=(
        Example(
            "QwenLM/Qwen3-VL cookbooks/spatial_understanding.ipynb",
            '```json\n[\n\t{"point_2d": [925, 618], "label": "point_1"}\n]\n```',
            (1000, 500),
            (Spoken(point(925, 309), "point_1"),),
        ),
        Example(
            "QwenLM/Qwen3-VL cookbooks/think_with_images.ipynb, the numbers; evaluation/ODinW-13, the form",
            '[{"bbox_2d": [231, 795, 284, 820], "label": "license plate of the black car"}]',
            (2000, 1000),
            (Spoken(box(462, 795, 568, 820), "license plate of the black car"),),
        ),
    ),
)
