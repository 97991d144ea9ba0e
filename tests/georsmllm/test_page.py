"""The page stands alone: nothing is fetched, no text of a dataset becomes markup, the same set gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import io
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hand_made_set import SIZE, record, records, stats, write_set, write_stats
from PIL import Image

from georsmllm import showing
from georsmllm.page import Data, page
from georsmllm.report import Wanted, collect
from georsmllm.types import Message, Record

EVIL = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)> & @@PICTURES@@ \u2028"


class Elements(html.parser.HTMLParser):
    """The elements of a page, and the text of each script by its id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] = self.scripts[-1][0], self.scripts[-1][1] + data

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}))

    def script(self, identity: str) -> str:
        return next(text for attrs, text in self.scripts if attrs.get("id") == identity)

    def data(self) -> Data:
        return msgspec.json.decode(self.script("data"), type=Data)

    def pictures(self) -> list[str]:
        return msgspec.json.decode(self.script("pictures"), type=list[str])


def made(folder: Path, samples: int = 50) -> str:
    return page(collect(folder, Wanted(samples)), folder).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "toy")


def evil(line: Record) -> Record:
    origin = replace(line.provenance, scene=EVIL, labels=(EVIL,), licence=EVIL, form=EVIL, dataset=EVIL)
    turns = (Message("user", f"<image>\n[{line.task}] {EVIL}"), Message("assistant", EVIL))
    return replace(line, id=EVIL, messages=turns, provenance=origin)


def test_nothing_is_fetched(folder: Path) -> None:
    text = made(folder)
    outside = Elements(text)
    assert not re.search(
        r"https?:|//[a-z]+\.|@import|\bfetch\(|XMLHttpRequest|import\(|url\(", text.replace("data:", "")
    )
    assert {tag for tag, _ in outside.found} & {"link", "iframe", "img", "object", "embed", "base", "form"} == set()
    assert all("src" not in attrs for _, attrs in outside.found)
    policy = next(attrs["content"] for tag, attrs in outside.found if attrs.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")


def test_only_our_own_script_may_run(folder: Path) -> None:
    elements = Elements(made(folder))
    (script,) = [text for attrs, text in elements.scripts if "type" not in attrs]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attrs["content"] or "" for _, attrs in elements.found if attrs.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in policy
    assert all(not name.startswith("on") for _, attrs in elements.found for name in attrs)


def test_text_of_a_dataset_never_becomes_markup(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    clean = Elements(made(write_set(tmp_path / "x" / "toy")))
    attacked = write_set(tmp_path / "toy", {"train": tuple(evil(line) for line in records()["train"][:1])})
    elements = Elements(made(attacked))
    assert elements.found == clean.found
    (shown,) = elements.data().records
    assert shown.answer == EVIL
    assert EVIL in shown.prompt
    assert shown.licence == EVIL
    assert len(elements.pictures()) == 1


def test_the_name_of_the_folder_is_escaped(tmp_path: Path) -> None:
    text = made(write_set(tmp_path / "<b>a&b"))
    assert "<title>&lt;b&gt;a&amp;b</title>" in text
    assert "<b>" not in text


def test_every_sampled_record_is_there_with_its_shapes_from_the_text(folder: Path) -> None:
    shown = {one.id: one for one in Elements(made(folder)).data().records}
    assert shown.keys() == {line.id for lines in records().values() for line in lines}
    ships = shown["toy/P1#det-all:ship"]
    assert [shape.kind for shape in ships.answer_shapes] == ["rbox", "rbox"]
    first = ships.answer_shapes[0]
    assert ships.answer[first.start : first.end] == "[(125,125),(375,208),(344,375),(94,292)]"
    assert first.rings[0].points == ((8, 6), (24, 9.98), (22.02, 18), (6.02, 14.02))
    assert ships.gold_shapes[0].rings[0].points[1] == (24, 10)
    asked = shown["toy/P1#region-one:ship"]
    assert (len(asked.prompt_shapes), asked.answer_shapes) == (1, ())
    signs = [ring.sign for ring in shown["toy/AB#change-all:pond"].answer_shapes[0].rings]
    assert signs == ["+", "-"]


def test_a_text_that_does_not_parse_is_shown_with_its_reason(tmp_path: Path) -> None:
    broken = write_set(tmp_path, {"train": (record("det", "Where?", "[(1,2),(3"),)})
    (shown,) = Elements(made(broken)).data().records
    (trouble,) = shown.troubles
    assert (trouble.where, trouble.start, trouble.end) == ("answer", 0, 9)
    assert trouble.message.startswith("syntax at character 7")


def test_an_image_that_is_gone_is_a_trouble_and_no_crash(folder: Path) -> None:
    (folder / "images/toy/P2.png").unlink()
    shown = next(one for one in Elements(made(folder)).data().records if one.task == "count")
    assert shown.views[0].picture == -1
    assert [t.where for t in shown.troubles] == ["image"]


def test_each_image_is_embedded_once(folder: Path) -> None:
    elements = Elements(made(folder))
    pictures = elements.pictures()
    assert len(pictures) == 4
    with Image.open(io.BytesIO(base64.b64decode(pictures[0].removeprefix("data:image/jpeg;base64,")))) as whole:
        assert whole.size == SIZE
    shown = elements.data().records
    assert {view.picture for one in shown for view in one.views} == {0, 1, 2, 3}


def test_large_images_shrink_and_overlays_keep_the_frame_of_the_view(tmp_path: Path) -> None:
    line = record("det", "Where?", "[(0,0),(1000,1000)]")
    large = replace(line.provenance.views[0], width=3000, height=1500)
    folder = write_set(tmp_path, {"train": (replace(line, provenance=replace(line.provenance, views=(large,))),)})
    Image.effect_noise((3000, 1500), 90).convert("RGB").save(folder / line.images[0])
    elements = Elements(made(folder))
    data = base64.b64decode(elements.pictures()[0].removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (768, 384)
    (shown,) = elements.data().records
    assert shown.answer_shapes[0].rings[0].points == ((0, 0), (3000, 1500))
    assert shown.troubles == ()


def test_a_page_of_many_images_makes_each_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_set(tmp_path, {"train": (record("det", "Where?", "none"),)})
    Image.effect_noise((700, 700), 90).convert("RGB").save(folder / "images/toy/P1.png")
    monkeypatch.setattr(showing, "IMAGES_BYTES", 30_000)
    (picture,) = Elements(made(folder)).pictures()
    assert len(base64.b64decode(picture.partition(",")[2])) <= 30_000


def test_reasons_in_the_counts_come_with_their_sentences(folder: Path) -> None:
    counts = stats(records())
    source = msgspec.structs.replace(counts.sources["toy"], refused={"two_images": 1, "mine_alone": 2})
    write_stats(folder, msgspec.structs.replace(counts, sources={"toy": source}, dropped={"weight": 3}))
    reasons = Elements(made(folder)).data().reasons
    assert list(reasons) == ["clipped_to_image", "difficult", "short_row", "two_images", "weight"]
    assert reasons["difficult"] == "The dataset marks the object as difficult."


def test_the_same_set_gives_the_same_bytes(folder: Path) -> None:
    assert made(folder, samples=4) == made(folder, samples=4)
