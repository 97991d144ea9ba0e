"""Qwen2.5-VL: JSON with `bbox_2d` and `point_2d`, numbers in pixels of the view AFTER the processor has resized it.

The resized size follows from the view's (multiples of 28 px, 3,136 to 12,845,056 px² as published), so the same numbers
mean another place in a view of another size, and whoever takes them for pixels of the file is off by up to 14 px a side.
The publisher's notebook caps numbers at side - 1; here the far border keeps its own number.
"""

from __future__ import annotations

from functools import partial

from georsmllm.contracts import Dialect, Example, Spoken
from georsmllm.types import box

from ._ear import found
from ._frames import cells
from ._json_form import STRETCH
from ._qwen_json import SAYS, decode, encode
from ._resize import resized

DIALECT = Dialect(
    title="Qwen2.5-VL",
    source="QwenLM/Qwen3-VL qwen-vl-finetune/tools/process_bbox.ipynb; preprocessor_config.json of the published models",
    kinds=SAYS,
    frame="the view as the model's processor resizes it",
    span="0 to the resized width and height in px",
    rounding="to the nearest",
    corner_order="min corner, max corner",
    angle="none",
    is_labelled=True,
    encode=partial(encode, resized),
    decode=partial(decode, resized),
    stretches=partial(found, STRETCH),
    grid=cells(resized),
    extent=resized,
    is_relative=False,
    examples=(
        Example(
            "qwen-vl-finetune/tools/process_bbox.ipynb: [146, 137, 615, 415] of a 640 x 428 px image, resized to 644 x 420",
            '```json\n[\n\t{"bbox_2d": [147, 134, 619, 407], "label": "bowl of carrots"}\n]\n```',
            (640, 428),
            (Spoken(box(146.0870, 136.5524, 615.1553, 414.7524), "bowl of carrots"),),
        ),
    ),
)
