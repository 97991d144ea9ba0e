"""What the server adds to an ask: the same asks of the same model, bare and over HTTP, one after the other in one run.

    python benchmarks/serve.py [--rounds 8] [--work-s 2.0] [--side 1024] [--objects 60] [--model DIR --query WORDS]

Without --model the work is a fixed number of matrix products (about --work-s of them, in forty pieces of progress) whose
result is --objects masks on a noisy image of --side pixels. Bare is `ask` of a scene that is opened for it, and its result as
the same data that the server sends: `to_dict` and `to_geojson`. Over OpenAI's API the image travels with every request, and
what the client spends on it counts as the server's. CPU seconds are of all threads of this process, client included; other
people's work on the machine leaves them alone.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx2
import msgspec
import numpy as np
import openai
from PIL import Image

from georsmllm.found import Finding, Outcome, StepTrace, Watch
from georsmllm.geometry import to_polygon
from georsmllm.masks import from_shape
from georsmllm.result import Maker, Result
from georsmllm.scene import Scene
from georsmllm.serve.asker import Asker, BoxXYXY
from georsmllm.serve.running import Running, bound
from georsmllm.serve.settings import Settings
from georsmllm.types import Message, Ring, polygon

PIECES = 40


class Took(NamedTuple):
    wall_s: float
    cpu_s: float


class Worker:
    """An asker that computes, and finds wavy outlines."""

    title = "worker"

    def __init__(self, *, work_s: float, num_objects: int) -> None:
        self.num_objects = num_objects
        self.matrix = np.random.default_rng(0).normal(size=(320, 320))
        start, count = time.process_time(), 0
        while time.process_time() - start < 0.5:
            self.product()
            count += 1
        self.products = max(1, round(count * work_s / 0.5 / PIECES))

    def product(self) -> None:
        self.matrix @ self.matrix

    def scene(self, picture: Path) -> Scene:
        return Scene(picture)

    def ask(
        self,
        image: Scene,
        query: str,
        *,
        image_b: Scene | None = None,  # noqa: ARG002 - a pair costs nothing more here
        box: BoxXYXY | None = None,  # noqa: ARG002
        watch: Watch = Watch(),  # noqa: B008
    ) -> Result:
        watch.plan({"steps": [{"id": "s1", "type": "detect", "role": "target", "text": "Find all fields."}]})
        for piece in range(PIECES):
            for _ in range(self.products):
                self.product()
            watch.progress("looking", piece + 1, PIECES)
        found = tuple(self.finding(number, image.size_wh) for number in range(1, self.num_objects + 1))
        ids = tuple(one.id for one in found)
        step = StepTrace("s1", "detect", "target", "Find all fields.", "model", outputs=ids)
        watch.step(step)
        outcome = Outcome("masks", found, steps=(step,), layers=(("s1", found),))
        return Result(query, (image,), outcome, f"{len(found)} fields.", None, Maker("0"))

    def finding(self, number: int, size_wh: tuple[int, int]) -> Finding:
        width, height = size_wh
        columns = 10
        x = (number % columns + 0.5) * width / columns
        y = (number // columns % columns + 0.5) * height / columns
        turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        radius = width / columns * (0.36 + 0.08 * np.sin(5 * turns + number))
        points = zip((x + radius * np.cos(turns)).tolist(), (y + radius * np.sin(turns)).tolist(), strict=True)
        shape = polygon(Ring(tuple(points)))
        return Finding(number, "field", shape, mask_scene=from_shape(to_polygon(shape), size_wh), step="s1")

    def say(
        self,
        messages: Sequence[Message],
        images: Sequence[Scene],  # noqa: ARG002
        *,
        max_new_tokens: int,  # noqa: ARG002
        temperature: float,  # noqa: ARG002
    ) -> Iterator[str]:
        yield messages[-1].content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--work-s", type=float, default=2.0)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--objects", type=int, default=60)
    parser.add_argument("--model", default="")
    parser.add_argument("--query", default="ships near the pier")
    parser.add_argument("--image", type=Path)
    given = parser.parse_args()
    asker: Asker = loaded(given.model) if given.model else Worker(work_s=given.work_s, num_objects=given.objects)
    with tempfile.TemporaryDirectory() as folder:
        image = given.image or noisy(Path(folder) / "scene.png", given.side)
        measure(asker, image, given.query, given.rounds)


def loaded(model: str) -> Asker:
    from georsmllm.loading import load

    return load(model)


def noisy(path: Path, side: int) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC).save(path)
    return path


def measure(asker: Asker, image: Path, query: str, rounds: int) -> None:
    settings = Settings(port=0, max_upload_bytes=400_000_000)
    place, is_up = bound(settings), threading.Event()
    running = Running(asker, settings, place, is_up.set)
    thread = threading.Thread(target=running.run)
    thread.start()
    is_up.wait()
    try:
        with httpx2.Client(base_url=place.url, timeout=600) as page:
            roads = roads_of(asker, image, query, place.url, page)
            times = {name: [] for name in roads}
            for turn in range(rounds + 1):  # the first warms caches
                for name, go in roads.items():
                    start, cpu = time.perf_counter(), time.process_time()
                    go()
                    if turn:
                        times[name].append(Took(time.perf_counter() - start, time.process_time() - cpu))
    finally:
        running.stop()
        thread.join()
    tell(times, image, rounds)


def roads_of(asker: Asker, image: Path, query: str, url: str, page: httpx2.Client) -> dict[str, Callable[[], object]]:
    client = openai.OpenAI(base_url=f"{url}v1", api_key="any", timeout=600)
    uri = f"data:image/png;base64,{base64.b64encode(image.read_bytes()).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": query}]
    messages = [{"role": "user", "content": parts}]
    kept = page.post("/api/images", params={"name": image.name}, content=image.read_bytes()).json()["id"]

    def bare() -> None:
        with asker.scene(image) as scene:
            result = asker.ask(scene, query)
            msgspec.json.encode({**result.to_dict(), "geojson": result.to_geojson()})

    def alone() -> None:
        with asker.scene(image) as scene:
            asker.ask(scene, query)

    def whole() -> None:
        client.chat.completions.create(model=asker.title, messages=messages)

    def streamed() -> None:
        for _ in client.chat.completions.create(model=asker.title, messages=messages, stream=True):
            pass

    def asked() -> None:
        page.post("/api/ask", json={"image": kept, "query": query}).raise_for_status()

    return {
        "bare": bare,
        "ask alone": alone,
        "openai client": whole,
        "openai client, streamed": streamed,
        "the page's ask": asked,
    }


def tell(times: dict[str, list[Took]], image: Path, rounds: int) -> None:
    print(
        f"{image.name}, {image.stat().st_size / 1e6:.1f} MB; medians of {rounds} rounds, against bare in the same round"
    )
    bare = times["bare"]
    for name, taken in times.items():
        cells = []
        for which in range(2):
            ratio = statistics.median(one[which] / other[which] for one, other in zip(taken, bare, strict=True))
            cells.append(f"{statistics.median(one[which] for one in taken):7.3f} s {100 * (ratio - 1):+6.1f} %")
        print(f"  {name:24} wall {cells[0]}   cpu {cells[1]}")


if __name__ == "__main__":
    main()
