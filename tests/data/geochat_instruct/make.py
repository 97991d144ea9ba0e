"""Writes world/: invented GeoChat_Instruct conversations and GeoChat-Bench lines; exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

WATER, DECK, GRASS, ROOF = (44, 72, 98), (200, 198, 190), (92, 118, 72), (150, 84, 70)
Quad = tuple[tuple[float, float], ...]
# Of a picture of 100 x 50: percents of its width are pixels, of its height two a pixel.
SHIP = "{<10><20><30><60>|<0>}"
SHIP_PX: Quad = ((10, 10), (30, 10), (30, 30), (10, 30))
TILTED = "{<50><40><80><64>|<30>}"
CUT = "{<90><50><104><70>|<90>}"


def picture(quads: list[Quad], seed: int, colours: tuple[tuple[int, int, int], ...]) -> Image.Image:
    rng = random.Random(seed)
    plan = Image.new("RGB", (100, 50), colours[0])
    for quad in quads:
        ImageDraw.Draw(plan).polygon(quad, fill=colours[1])
    plan.frombytes(bytes(value + rng.choice((-5, 0, 5)) for value in plan.tobytes()))
    return plan


def talk(number: object, image: str, *turns: tuple[str, str]) -> dict[str, object]:
    messages = []
    for i, (question, answer) in enumerate(turns):
        messages.append({"from": "human", "value": question if i else f"<image>\n{question}"})
        messages.append({"from": "gpt", "value": answer})
    return {"id": number, "image": image, "conversations": messages}


CLASSES = "Classes: airport, harbor, farmland, sparse residential"
TALKS = [
    talk(
        "P0001_0002",
        "P0001_0002.png",
        ("[refer] where is <p>the ship at the left</p> ?", SHIP),
        ("\n[refer] give me the location of <p> 2 ships </p>", f"{SHIP}{TILTED}"),
    ),
    talk(
        1, "00017_0000.jpg", ("What colour are the roofs?\nAnswer the question using a single word or phrase.", "Red.")
    ),
    talk(2, "P0001_0002.png", ("[identify] the object in {<50><40><80><64>|<30>} is", "<p>1 tilted ship</p>")),
    talk(
        3,
        "P0001_0002.png",
        (
            "[grounding] describe the image in detail",
            f"There are <p>two ships</p> {SHIP}<delim>{TILTED} on the water, and <p>a pier</p> {CUT}.",
        ),
    ),
    talk(4, "harbor_12.jpg", (f"Classify the image in one of the classes. {CLASSES}\nAnswer in one word.", "harbor")),
    talk(5, "harbor_12.jpg", ("[refer] where is <p>the crane</p>?", "{<35><32><36>|<67>}")),
    talk(6, "00017_0000.jpg", ("Please describe the scene.", "Two red roofs stand on grass.")),
]
REFERRING = [
    {
        "question_id": 0,
        "image_id": "P0009_0001",
        "question": "the ship at the top left",
        "ground_truth": [SHIP_PX],
        "type": "ref",
        "dataset": "DOTA",
        "obj_ids": [0],
        "size_group": "small",
    },
]
REGIONS = [
    {"question_id": 0, "image_id": "P0009_0001", "question": SHIP, "ground_truth": "small ship", "type": "ref"},
    {"question_id": 1, "image_id": "P0010_0001", "question": 7, "ground_truth": "small ship", "type": "ref"},
]


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    pictures = world / "images" / "final_images_llava"
    pictures.mkdir(parents=True)
    sea = picture([SHIP_PX, ((55, 18), (60, 16), (74, 34), (69, 36))], 1, (WATER, DECK))
    sea.save(pictures / "P0001_0002.png")
    picture([SHIP_PX], 2, (WATER, DECK)).save(pictures / "P0009_0001.png")
    picture([SHIP_PX], 3, (WATER, DECK)).save(pictures / "P0010_0001.png")
    picture([((5, 5), (30, 5), (30, 20), (5, 20))], 4, (GRASS, ROOF)).save(pictures / "00017_0000.png")
    picture([((40, 0), (60, 0), (60, 50), (40, 50))], 5, (WATER, ROOF)).save(pictures / "harbor_12.jpg", quality=90)
    (world / "GeoChat_Instruct.json").write_text(json.dumps(TALKS, indent=1))
    (world / "GeoChat-Bench").mkdir()
    for name, lines in (
        ("referring", REFERRING),
        ("region_captioning", REGIONS),
        ("lrben", [{"question_id": 3, "image": "3.tif", "text": "Is it rural?", "category": "rural_urban"}]),
    ):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (world / "GeoChat-Bench" / f"{name}.jsonl").write_text(text)


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
