"""The page's own calls over real HTTP: images in, asks as events, results as files; and who is turned away."""

from __future__ import annotations

import io
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import pytest
import rasterio
from PIL import Image
from scenery import SIZE_WH, write_geotiff, write_png
from scripted_asker import ScriptedAsker
from serving import at_work, served, wait_for

from georsmllm.serve.page_files import ASSETS
from georsmllm.serve.settings import Settings

KEY = "s3cret"


@contextmanager
def calling(asker: ScriptedAsker | None = None, **settings: object) -> Iterator[httpx2.Client]:
    with (
        served(asker or ScriptedAsker(), Settings(**{"port": 0, **settings})) as url,
        httpx2.Client(base_url=url, timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("samples")
    write_geotiff(root / "place.tif")
    write_png(root / "later.png", later=True)
    (root / "below").mkdir()
    write_png(root / "below" / "now.png")
    (root / "notes.txt").write_text("no image")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return root


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx2.Client]:
    with calling(samples=folder, max_upload_bytes=3_000_000, max_pixels=3_000_000) as made:
        yield made


def sent(client: httpx2.Client, path: Path) -> dict:
    answer = client.post("/api/images", params={"name": path.name}, content=path.read_bytes())
    assert answer.status_code == 201, answer.text
    return answer.json()


def events(client: httpx2.Client, question: dict) -> list[tuple[str, dict]]:
    with client.stream("POST", "/api/ask", json=question) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    return [parsed(block) for block in text.split("\n\n") if block.startswith("event: ")]


def parsed(block: str) -> tuple[str, dict]:
    name, data = block.strip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_page_and_its_files_are_served(client: httpx2.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name, kind in ASSETS.items():
        answer = client.get(f"/assets/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        again = client.get(f"/assets/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_page_refers_to_nothing_elsewhere(client: httpx2.Client) -> None:
    texts = [client.get("/").text, *(client.get(f"/assets/{name}").text for name in ASSETS)]
    joined = "\n".join(texts).replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in joined
    assert "https:" not in joined
    assert "<script>" not in joined


@pytest.mark.parametrize("path", ["/", "/assets/page.js", "/health", "/api/about", "/nowhere", "/api/images/x"])
def test_every_answer_bears_the_headers_that_keep_a_browser_safe(client: httpx2.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    ["/assets/../app.py", "/assets/..%2fapp.py", "/assets/%2e%2e/%2e%2e/pyproject.toml", "/assets/", "/assets", "/api",
     "/api/images/..%2f..%2fetc%2fpasswd/picture", "/api/images/" + "0" * 32 + "/picture", "/api/results/..%2f..%2fx.png",
     "/api/results/" + "0" * 32 + ".geojson", "/api/results/" + "0" * 32 + ".py", "//etc/passwd"],
)  # fmt: skip
def test_no_path_leads_out(client: httpx2.Client, path: str) -> None:
    host, port = client.base_url.host, client.base_url.port
    with socket.create_connection((host, port), timeout=10) as line:  # a client would tidy the path up
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404"), answer[:300]


def test_an_upload_is_known_by_an_id_and_seen_small_and_by_window(client: httpx2.Client, folder: Path) -> None:
    told = sent(client, folder / "place.tif")
    assert (told["name"], told["width"], told["height"], told["crs"]) == ("place.tif", *SIZE_WH, "EPSG:32633")
    small = client.get(f"/api/images/{told['id']}/picture", params={"size": 240})
    assert Image.open(io.BytesIO(small.content)).size == (240, 180)
    window = {"x": 600, "y": 90, "w": 100, "h": 50, "size": 400}
    part = client.get(f"/api/images/{told['id']}/view", params=window)
    with rasterio.open(folder / "place.tif") as data:
        stored = data.read().transpose(1, 2, 0)[90:140, 600:700]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(part.content))), stored)


@pytest.mark.parametrize(
    "window",
    [{}, {"x": 0, "y": 0, "w": 0, "h": 5}, {"x": 5000, "y": 0, "w": 5, "h": 5}, {"x": "1e3", "y": 0, "w": 5, "h": 5},
     {"x": 0, "y": 0, "w": 5, "h": 5, "size": 100_000}, {"x": "٣", "y": 0, "w": 5, "h": 5}],
)  # fmt: skip
def test_a_window_that_is_none_is_refused(client: httpx2.Client, folder: Path, window: dict) -> None:
    told = sent(client, folder / "later.png")
    assert error_of(client.get(f"/api/images/{told['id']}/view", params=window)) == (400, "invalid_value")


def bomb() -> bytes:
    """A PNG that says 60 000 x 60 000 px."""
    head = (60_000).to_bytes(4, "big") * 2 + bytes((8, 0, 0, 0, 0))
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b"")]
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        out += len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return out


def large() -> bytes:
    out = io.BytesIO()
    Image.new("L", (2000, 1600)).save(out, "png")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (400, "bad_image")),
        (b"GIF89a", (400, "bad_image")),
        (b"<?xml version='1.0'?><svg/>", (400, "bad_image")),
        (b"II*\0" + bytes(100), (400, "bad_image")),
        (bomb(), (400, "bad_image")),
        (large(), (413, "too_many_pixels")),
        (bytes(3_000_001), (413, "too_large")),
    ],
    ids=["empty", "cut", "svg", "no tiff", "bomb", "pixels", "bytes"],
)
def test_a_bad_upload_is_refused_in_words(client: httpx2.Client, data: bytes, expected: tuple[int, str]) -> None:
    answer = client.post("/api/images", params={"name": "a.png"}, content=data)
    assert error_of(answer) == expected
    assert "/georsmllm-" not in answer.text


def test_the_limit_is_held_where_no_length_is_announced(client: httpx2.Client) -> None:
    answer = client.post("/api/images", content=(bytes(100_000) for _ in range(40)))
    assert "content-length" not in answer.request.headers
    assert error_of(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        (".hidden", "hidden"),
        ("a b\u0000c.tif", "a_b_c.tif"),
        ("", "image"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_name_leads_nowhere(given: str, kept: str) -> None:
    from georsmllm.serve.store import safe_name

    assert safe_name(given).endswith(kept)
    assert "/" not in safe_name(given)
    assert not safe_name(given).startswith(".")


def test_samples_are_offered_by_name_and_opened_by_id(client: httpx2.Client, folder: Path) -> None:
    offered = {one["name"]: one["id"] for one in client.get("/api/samples").json()}
    assert list(offered) == ["below/now.png", "broken.png", "later.png", "place.tif"]
    assert client.get(f"/api/images/{offered['place.tif']}").json()["crs"] == "EPSG:32633"
    assert client.get(f"/api/images/{offered['below/now.png']}/picture").status_code == 200
    broken = client.get(f"/api/images/{offered['broken.png']}")
    assert error_of(broken) == (400, "bad_image")
    assert str(folder) not in broken.text


def test_an_ask_tells_plan_steps_progress_notices_and_the_result(client: httpx2.Client, folder: Path) -> None:
    told = sent(client, folder / "place.tif")
    heard = events(client, {"image": told["id"], "query": "ships near tanks", "box": [0, 0, 500, 500]})
    names = [name for name, _ in heard if name != "progress"]
    assert names == ["start", "plan", "notice", "step", "step", "step", "result"]
    steps = [data for name, data in heard if name == "step"]
    assert [(one["how"], one["count"], one["role"]) for one in steps] == [
        ("model", 5, "target"), ("model", 5, "anchor"), ("geometry", 2, "target"),
    ]  # fmt: skip
    result = heard[-1][1]
    assert (result["text"], result["answer"], result["maker"]["decoder"]) == (
        "2 ships.", [1, 2], "filled shapes (no segmentation model)",
    )  # fmt: skip
    assert [(one["step"], len(one["ids"])) for one in result["layers"]] == [("s1", 5), ("s2", 5), ("s3", 2)]
    ship = result["objects"][0]
    assert (ship["label"], ship["kind"]) == ("ship", "rbox")
    assert 250 < ship["area_m2"] < 350
    assert 13 < ship["lon_lat"][0] < 14


def test_a_mask_keeps_its_hole_and_a_step_without_findings_its_reason(client: httpx2.Client, folder: Path) -> None:
    told = sent(client, folder / "later.png")
    (lake,) = events(client, {"image": told["id"], "query": "the lake"})[-1][1]["objects"]
    assert [ring["sign"] for ring in lake["mask"]] == ["+", "-"]
    assert lake["area_m2"] is None
    nothing = events(client, {"image": told["id"], "query": "nothing"})[-1][1]
    assert nothing["steps"][-1]["explained"] == "the model was asked and says that nothing of the kind is there"
    assert (nothing["answer"], nothing["layers"]) == ([], [])


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "png", "tif"])
def test_a_result_is_a_file(client: httpx2.Client, folder: Path, tmp_path: Path, ending: str) -> None:
    told = sent(client, folder / "place.tif")
    result = events(client, {"image": told["id"], "query": "the tanks"})[-1][1]
    answer = client.get(f"/api/results/{result['id']}.{ending}")
    assert answer.status_code == 200, answer.text
    assert f'filename="place.{ending}"' in answer.headers["content-disposition"]
    path = tmp_path / f"place.{ending}"
    path.write_bytes(answer.content)
    if ending in ("png", "tif"):
        with rasterio.open(path) as data:
            assert data.width > 0
    elif ending == "geojson":
        assert len(json.loads(answer.content)["features"]) == 5
    else:
        import pyogrio

        assert pyogrio.read_info(path, layer="findings")["features"] == 5


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({}, (400, "bad_request")),
        ({"image": "x", "query": "ships"}, (404, "no_image")),
        ({"image": "x", "query": "  "}, (400, "invalid_value")),
        ({"image": "x", "query": "ships", "box": [1, 2, 3]}, (400, "bad_request")),
    ],
)
def test_a_bad_question_is_refused(client: httpx2.Client, question: dict, expected: tuple[int, str]) -> None:
    assert error_of(client.post("/api/ask", json=question)) == expected


def test_json_that_does_not_say_so_is_refused(client: httpx2.Client) -> None:
    answer = client.post("/api/ask", content=b"{}", headers={"content-type": "text/plain"})
    assert error_of(answer) == (415, "not_json")


def test_a_failed_ask_is_an_event_without_a_stack_trace(client: httpx2.Client, folder: Path) -> None:
    told = sent(client, folder / "later.png")
    name, data = events(client, {"image": told["id"], "query": "break"})[-1]
    assert (name, data["status"]) == ("error", 500)
    assert "secret" not in data["message"]
    name, data = events(client, {"image": told["id"], "query": "refuse"})[-1]
    assert (name, data["status"], data["code"]) == ("error", 400, "refused")
    assert data["message"] == "later.png: the query asks for what no image shows"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "evil.example"}, (403, "host")),
        ({"host": "127.0.0.1.evil.example"}, (403, "host")),
        ({"host": ""}, (403, "host")),
        ({"origin": "https://evil.example"}, (403, "origin")),
        ({"origin": "null"}, (403, "origin")),
    ],
)
def test_pages_of_other_sites_are_turned_away(client: httpx2.Client, headers: dict, expected: tuple[int, str]) -> None:
    assert error_of(client.get("/api/about", headers=headers)) == expected


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "127.0.0.1"])
def test_localhost_by_any_name_is_let_in(client: httpx2.Client, host: str) -> None:
    assert client.get("/api/about", headers={"host": host}).status_code == 200


def test_the_key_opens_data_and_the_page_needs_none() -> None:
    with calling(api_key=KEY) as client:
        assert [client.get(path).status_code for path in ("/", "/assets/page.js", "/health")] == [200] * 3
        for path in ("/api/about", "/api/samples", "/v1/models", "/api/results/x"):
            assert error_of(client.get(path)) == (401, "invalid_api_key")
            assert error_of(client.get(path, headers={"authorization": f"Basic {KEY}"})) == (401, "invalid_api_key")
        assert client.get("/api/about", headers={"authorization": f"Bearer {KEY}"}).status_code == 200


def test_an_ask_that_is_left_in_the_queue_never_begins(folder: Path) -> None:
    asker = ScriptedAsker(step_s=3)
    with calling(asker, queue=3) as client:
        told = sent(client, folder / "later.png")
        question = {"image": told["id"], "query": "ships"}
        with client.stream("POST", "/api/ask", json=question) as first:
            lines = first.iter_lines()
            assert next(lines) == "event: start"
            with client.stream("POST", "/api/ask", json=question) as second:
                assert next(second.iter_lines()) == "event: queued"
            wait_for(lambda: client.get("/health").json()["at_work"] == 1)
        assert asker.stopped.wait(3)
        wait_for(lambda: client.get("/health").json()["at_work"] == 0)
    assert asker.num_begun == 1


def test_a_shutdown_ends_what_is_at_work_and_says_so(folder: Path) -> None:
    asker = ScriptedAsker(step_s=2)
    with at_work(asker, Settings(port=0)) as (running, url), httpx2.Client(base_url=url, timeout=30) as client:
        told = sent(client, folder / "later.png")
        with client.stream("POST", "/api/ask", json={"image": told["id"], "query": "ships"}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: start"
            running.stop()
            name, data = parsed([block for block in "\n".join(lines).split("\n\n") if block][-1])
    assert (name, data["status"], data["code"]) == ("error", 503, "closing")
    assert asker.stopped.is_set()


def test_the_oldest_images_are_forgotten_with_their_results(folder: Path) -> None:
    with calling(kept_images=2) as client:
        first = sent(client, folder / "later.png")
        result = events(client, {"image": first["id"], "query": "ships"})[-1][1]
        for _ in range(2):
            sent(client, folder / "later.png")
        assert error_of(client.get(f"/api/images/{first['id']}/picture")) == (404, "no_image")
        assert error_of(client.get(f"/api/results/{result['id']}.geojson")) == (404, "no_result")


def test_the_address_may_be_of_ipv6() -> None:
    with calling(host="::1") as client:
        assert client.base_url.host == "::1"
        assert client.get("/health").json()["status"] == "ok"


def test_too_many_images_at_once_are_sent_away(folder: Path) -> None:
    with calling(bodies=0) as client:
        answer = client.post("/api/images", content=(folder / "later.png").read_bytes())
        assert error_of(answer) == (429, "busy")
        assert int(answer.headers["retry-after"]) > 0


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    with calling(body_timeout_s=0.3) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as line:
            line.sendall(b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
            answer = line.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408"), answer


def test_the_log_has_one_line_a_request_and_no_secrets(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "georsmllm.serve")
    with calling(api_key=KEY) as client:
        headers = {"authorization": f"Bearer {KEY}"}
        answer = client.post(
            "/api/images?name=private.png", content=(folder / "later.png").read_bytes(), headers=headers
        )
        client.post("/api/ask", json={"image": answer.json()["id"], "query": "my secret question"}, headers=headers)
        client.get("/x%0aGET%20/forged")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(" bytes ")[0].rpartition(" ")[0] for line in lines] == [
        "POST /api/images 201", "POST /api/ask 200", "GET /x%0aGET%20/forged 404",
    ]  # fmt: skip
    assert "secret" not in caplog.text
    assert KEY not in caplog.text
