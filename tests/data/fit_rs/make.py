"""Writes world/: invented conversations in the forms of FIT-RS and FIT-RSFG; exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

GRASS, STEEL, ASPHALT, PAINT = (94, 116, 76), (206, 206, 210), (110, 112, 116), (168, 60, 52)
# Of a picture of 64 x 64: 25 percent are 16 px.
TANK = "{<25.00><25.00><25.00><25.00>|<90>}"
SECOND_TANK = "{<75.00><25.00><25.00><25.00>|<90>}"
CAR = "{<50.00><75.00><31.25><15.62>|<30>}"
ROAD = "{<50.00><75.00><100.00><37.50>|<90>}"


def rbox(*boxes: str) -> str:
    return f"<rbox>({', '.join(boxes)})</rbox>"


def picture(seed: int) -> Image.Image:
    rng = random.Random(seed)
    plan = Image.new("RGB", (64, 64), GRASS)
    draw = ImageDraw.Draw(plan)
    draw.rectangle((20, 16, 43, 63), ASPHALT)
    draw.polygon(((26, 38), (43, 48), (38, 57), (21, 47)), PAINT)
    for left in (8, 40):
        draw.ellipse((left, 8, left + 15, 23), STEEL)
    plan.frombytes(bytes(value + rng.choice((-5, 0, 5)) for value in plan.tobytes()))
    return plan


def talk(number: int, image: str, *turns: tuple[str, str]) -> dict[str, object]:
    messages = []
    for i, (question, answer) in enumerate(turns):
        messages.append({"from": "human", "value": question if i else f"<image>\n{question}"})
        messages.append({"from": "gpt", "value": answer})
    return {"id": number, "image": image, "conversations": messages}


SORRY = "I'm sorry, I cannot answer as the given image does not contain any given objects. "
FIRST, SECOND = "0000__512__0___824.png", "0001__512__412___0.png"
TALKS = [
    talk(
        1,
        FIRST,
        (
            "[detection]Detect all the tanks in the image and output their locations.",
            f"There are 2 tanks in the image: {rbox(TANK, SECOND_TANK)}",
        ),
    ),
    talk(2, FIRST, ("[detection]Can you locate all the ships in the image?", SORRY)),
    talk(
        3,
        FIRST,
        (
            f"Describe the region {CAR} in the image.",
            f"A fully visible medium car on the bottom part of the image.\n 1 road{rbox(ROAD)} is <rel>under</rel> it.",
        ),
        (
            f"What is the relationship between {rbox(TANK)} and {rbox(SECOND_TANK)}?",
            "subject: tank, object: tank, <rel>not co-storage with</rel>",
        ),
    ),
    talk(4, FIRST, ("Provide a caption for the image.", "Two tanks and a car stand beside a road.")),
    talk(
        5,
        SECOND,
        (
            "Please describe the image with locations.",
            f"2 <ref>tanks</ref>{rbox(TANK, SECOND_TANK)} are near a car{rbox(CAR)}.",
        ),
    ),
    talk(6, SECOND, ("What is the scene category of the image?", "storage area")),
    talk(7, SECOND, ("Is there a ship?", "No")),
]
EVALUATION = [
    {
        "question_id": 0,
        "image": FIRST,
        "question": "Which relationships are there between tanks?",
        "ground_truth": "There are 2 relationships between tank and tank: tank <not co-storage with> tank, tank <over> tank",
        "category": "task2",
    },
    {
        "question_id": 1,
        "image": SECOND,
        "question": f"What is <rel>near</rel> {CAR}?",
        "ground_truth": ["a", "list"],
        "category": "task4",
    },
]


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    pictures = world / "imgv2_split_512_100_vaild"
    pictures.mkdir(parents=True)
    for seed, name in enumerate((FIRST, SECOND)):
        picture(seed).save(pictures / name)
    (world / "FIT-RS-train-1415k.json").write_text(json.dumps(TALKS, indent=1))
    (world / "FIT-RS-train-sample-381k.json").write_text(json.dumps(TALKS[:1]))
    lines = "".join(f"{json.dumps(line)}\n" for line in EVALUATION)
    (world / "test_FITRS_complex_comprehension_eval.jsonl").write_text(lines)


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
