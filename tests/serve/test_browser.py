"""The page in a real browser, as a person walks through it; skipped where Chromium or its driver is not installed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scenery import write_geotiff, write_png
from scripted_asker import ScriptedAsker
from serving import served
from webdriver import Browser, browser, installed

from georsmllm.serve.settings import Settings

pytestmark = pytest.mark.skipif(not installed(), reason="chromium and chromedriver are not installed")
DESKTOP, PHONE = (1280, 800), (390, 800)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    write_geotiff(root / "harbour.tif")
    write_geotiff(root / "large.tif", times=4)
    write_png(root / "before.png")
    write_png(root / "after.png", later=True)
    return root


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile"), DESKTOP) as one:
        yield one


@pytest.fixture(scope="module")
def asker() -> ScriptedAsker:
    return ScriptedAsker(step_s=0.2)


@pytest.fixture(scope="module")
def url(asker: ScriptedAsker, folder: Path) -> Iterator[str]:
    with served(asker, Settings(port=0, samples=folder, queue=0)) as at:
        yield at


@pytest.fixture(autouse=True)
def nothing_leaves(request: pytest.FixtureRequest, opened: Browser) -> Iterator[None]:
    """Whatever a test does, the page asks no other host, and the console has nothing to complain of."""
    opened.requests(), opened.complaints()
    yield
    asked = {urlsplit(one).hostname for one in opened.requests() if one.startswith(("http", "ws"))}
    assert asked <= {"127.0.0.1"}
    if "trouble" not in request.node.name:  # a refused request is a line in the console
        # the readback is this test's own
        assert [line for line in opened.complaints() if "getImageData" not in line] == []


def ask(page: Browser, query: str) -> None:
    page.run("const q = document.querySelector('#query'); q.value = ''; q.focus()")
    page.type("#query", query)
    page.click("#ask")


def says(page: Browser, words: str) -> bool:
    return page.text("#words") == words


def in_page(page: Browser, x: float, y: float) -> tuple[int, int]:
    """Where a scene pixel lies in the viewport."""
    left, top, scale = page.run(
        "const at = document.querySelector('#canvas').getBoundingClientRect();"
        "return [at.x + viewer.left, at.y + viewer.top, viewer.scale]"
    )
    return round(left + x * scale), round(top + y * scale)


def colour_at(page: Browser, x: float, y: float) -> list[int]:
    """Of the canvas at a scene pixel."""
    return page.run(
        "viewer.paint(); const c = document.querySelector('#canvas'), d = devicePixelRatio;"
        "const [x, y] = arguments; return [...c.getContext('2d').getImageData("
        "Math.round((viewer.left + x * viewer.scale) * d), Math.round((viewer.top + y * viewer.scale) * d), 1, 1).data]",
        x,
        y,
    )


def test_open_upload_ask_toggle_and_download(opened: Browser, url: str, folder: Path, tmp_path: Path) -> None:
    opened.open(url)
    opened.wait(lambda: opened.text("#model") == "scripted")
    opened.choose(folder / "harbour.tif")
    opened.wait(lambda: opened.sees("#tools"))
    assert "harbour.tif" in opened.text("#names")
    assert "EPSG:32633" in opened.text("#names")
    bare = colour_at(opened, 720, 150)
    ask(opened, "tanks near ships")
    opened.wait(lambda: len(opened.texts("#steps button")) == 3)  # the plan, before anything is found
    assert opened.sees("#stop")
    opened.wait(lambda: opened.sees("#answer"))
    assert opened.text("#words") == "2 ships."
    assert opened.texts("#steps button")[0].split("\n")[1:3] == [
        "Find all ships.",
        "5 found · seen by the model · 0.20 s",
    ]
    assert "filled shapes (no segmentation model)" in opened.text("#maker")
    links = opened.run("return [...document.querySelectorAll('#downloads a')].map((a) => a.pathname.split('.').pop())")
    assert links == ["geojson", "gpkg", "tif", "png"]
    ship = colour_at(opened, 418, 120)
    opened.click('[data-layer="answer"]')
    assert colour_at(opened, 418, 120) != ship
    assert colour_at(opened, 720, 150) == bare
    opened.click('[data-step="s2"]')  # its findings, though their layer is off
    assert colour_at(opened, 720, 150) != bare
    opened.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    opened.click('[data-file="geojson"]')
    opened.wait(lambda: (tmp_path / "harbour.geojson").is_file())
    found = json.loads((tmp_path / "harbour.geojson").read_text())
    assert [one["properties"]["class"] for one in found["features"]] == ["ship"] * 2
    assert opened.text("#problem") == ""
    assert opened.screenshot(tmp_path / "page.png").stat().st_size > 20_000


def test_what_is_pointed_at_says_what_it_is(opened: Browser, url: str, folder: Path) -> None:
    opened.open(url)
    opened.choose(folder / "harbour.tif")
    opened.wait(lambda: opened.sees("#tools"))
    ask(opened, "the lake")
    opened.wait(lambda: opened.sees("#answer"))
    opened.point(*in_page(opened, 680, 540))
    opened.wait(lambda: opened.sees("#tip"))
    assert opened.text("#tip").split("\n")[0].startswith("lake")
    assert "m²" in opened.text("#tip")
    assert "° N" in opened.text("#tip")
    opened.point(*in_page(opened, 782, 508))  # the island is a hole
    opened.wait(lambda: not opened.sees("#tip"))


def test_a_box_that_is_drawn_is_asked_with(opened: Browser, url: str, folder: Path, asker: ScriptedAsker) -> None:
    opened.open(url)
    opened.choose(folder / "before.png")
    opened.wait(lambda: opened.sees("#tools"))
    opened.click("#box")
    opened.drag(in_page(opened, 100, 80), in_page(opened, 500, 380))
    opened.wait(lambda: opened.sees("#box-note"))
    ask(opened, "ships")
    opened.wait(lambda: opened.sees("#answer"))
    assert asker.asked[-1][1] == pytest.approx((100, 80, 500, 380), abs=2)
    opened.click("#box-clear")
    assert not opened.sees("#box-note")


def test_a_pair_is_swiped_and_shown_side_by_side(opened: Browser, url: str, folder: Path, asker: ScriptedAsker) -> None:
    opened.open(url)
    opened.choose(folder / "before.png", folder / "after.png")
    opened.wait(lambda: opened.sees("#modes"))
    ask(opened, "new houses")
    opened.wait(lambda: opened.sees("#answer"))
    assert asker.asked[-1] == ("new houses", None, 2)
    opened.run("viewer.setObjects([]); viewer.setSwipe(0.98)")
    before = colour_at(opened, 113, 137)
    opened.run("viewer.setSwipe(0.02)")
    after = colour_at(opened, 113, 137)
    assert after[0] - after[1] > 40  # the roof is red
    assert before[0] < before[1]  # the field is green
    for mode in ("side", "b", "a", "swipe"):
        opened.run("document.querySelector(`input[value=${arguments[0]}]`).click()", mode)
        assert opened.run("return viewer.mode") == mode


def test_a_large_image_gets_sharper_where_it_is_looked_at(opened: Browser, url: str) -> None:
    opened.open(url)
    opened.wait(lambda: opened.sees("#samples"))
    assert opened.texts("#sample-list button") == ["after.png", "before.png", "harbour.tif", "large.tif"]
    opened.click("#sample-list li:nth-child(4) button")
    opened.wait(lambda: opened.sees("#tools"))
    assert opened.run("return [viewer.first.width, viewer.first.bitmap.width]") == [3840, 2048]
    opened.run("viewer.zoom(6)")
    opened.wait(lambda: opened.run("return Boolean(viewer.first.detail)"))
    assert opened.run("const d = viewer.first.detail; return d.bitmap.width / d.w") > 0.9


def test_everything_is_reached_by_keys(opened: Browser, url: str, folder: Path, asker: ScriptedAsker) -> None:
    opened.open(url)
    opened.choose(folder / "before.png")
    opened.wait(lambda: opened.run("return document.activeElement.id") == "query")  # the next thing to do
    opened.keys(*"ships", "enter")
    opened.wait(lambda: opened.sees("#answer"))
    reached = []
    for _ in range(40):
        opened.keys("tab")
        one = opened.run(
            "const at = document.activeElement; return at.id || at.dataset.file || at.dataset.step || at.dataset.layer || ''"
        )
        reached.append(one)
    assert {"ask", "geojson", "s1", "answer", "canvas", "zoom-in", "box", "theme"} <= set(reached)
    opened.run("document.querySelector('#canvas').focus()")
    scale = opened.run("return viewer.scale")
    opened.keys("+")
    assert opened.run("return viewer.scale") > scale
    opened.keys("v")
    assert opened.sees("#box-note")


def test_history_brings_an_earlier_answer_back(opened: Browser, url: str, folder: Path) -> None:
    opened.open(url)
    opened.choose(folder / "before.png")
    opened.wait(lambda: opened.sees("#tools"))
    for query, words in (("ships", "5 ships."), ("the lake", "1 lake.")):
        ask(opened, query)
        opened.wait(partial(says, opened, words))
    opened.click("#history li:nth-child(2) button")
    assert opened.text("#words") == "5 ships."
    assert opened.run("return document.querySelector('#query').value") == "ships"


def test_trouble_is_said_in_plain_words(
    opened: Browser, url: str, folder: Path, tmp_path: Path, asker: ScriptedAsker
) -> None:
    opened.open(url)
    (tmp_path / "no image.png").write_bytes(b"something else")
    opened.choose(tmp_path / "no image.png")
    opened.wait(lambda: "cannot be read" in opened.text("#problem"))
    opened.choose(folder / "before.png")
    opened.wait(lambda: opened.sees("#tools"))
    assert not opened.sees("#problem")
    ask(opened, "refuse")
    opened.wait(lambda: "no image shows" in opened.text("#problem"))
    ask(opened, "break")
    opened.wait(lambda: opened.text("#problem") == "The server failed at this request; its log has the details")
    assert asker.at_work.acquire(timeout=5)  # somebody else's ask is at work
    asker.at_work.release()
    asker.step_s = 10
    opened.run(
        "fetch('/api/ask', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        "body: JSON.stringify({image: viewer.first.id, query: 'ships'})}).then((answer) => { self.other = answer; })"
    )
    opened.wait(lambda: opened.run("return Boolean(self.other)"))
    ask(opened, "ships")
    opened.wait(lambda: "The model is busy" in opened.text("#problem"))
    opened.run("self.other.body.cancel()")
    asker.step_s = 0.2
    opened.wait(lambda: asker.num_ended == asker.num_begun)


def test_stop_ends_the_work(opened: Browser, url: str, folder: Path, asker: ScriptedAsker) -> None:
    opened.open(url)
    opened.choose(folder / "before.png")
    opened.wait(lambda: opened.sees("#tools"))
    asker.step_s, asker.stopped = 5, type(asker.stopped)()
    ask(opened, "ships")
    opened.wait(lambda: opened.sees("#progress"))
    opened.click("#stop")
    assert asker.stopped.wait(5)
    asker.step_s = 0.2
    assert opened.sees("#ask")


def test_the_phone_shows_all_of_it_without_scrolling_sideways(
    opened: Browser, url: str, folder: Path, tmp_path: Path
) -> None:
    opened.resize(PHONE)
    try:
        opened.open(url)
        opened.choose(folder / "harbour.tif")
        opened.wait(lambda: opened.sees("#tools"))
        ask(opened, "ships near tanks")
        opened.wait(lambda: opened.sees("#answer"))
        assert opened.run("return document.documentElement.scrollWidth <= innerWidth")
        opened.click("#theme")
        assert opened.run("return document.documentElement.dataset.theme") in ("dark", "light")
        opened.screenshot(tmp_path / "phone.png")
    finally:
        opened.resize(DESKTOP)


def test_a_server_that_is_gone_is_trouble_said_plainly(opened: Browser, folder: Path) -> None:
    with served(ScriptedAsker()) as at:
        opened.open(at)
        opened.choose(folder / "before.png")
        opened.wait(lambda: opened.sees("#tools"))
    ask(opened, "ships")
    opened.wait(lambda: opened.text("#problem") == "The server does not answer. Is it still running?")


def test_a_key_is_asked_for_as_the_trouble_begins(opened: Browser, folder: Path) -> None:
    with served(ScriptedAsker(), Settings(port=0, api_key="open-sesame")) as at:
        opened.open(at)
        for key, is_open in (("wrong", True), ("open-sesame", False)):
            opened.wait(lambda: opened.sees("#key"))
            opened.type("#key", key)
            opened.click("#key-form button")
            time.sleep(0.3)
            assert opened.sees("#key") is is_open
        opened.choose(folder / "before.png")
        opened.wait(lambda: opened.sees("#tools"))
        ask(opened, "ships")
        opened.wait(lambda: opened.text("#words") == "5 ships.")
        opened.click('[data-file="geojson"]')
        time.sleep(0.3)
        assert opened.text("#problem") == ""
