"""A small client of chromedriver's W3C WebDriver protocol: enough to walk through a page as a person does."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1",
    "--disable-dev-shm-usage",
)  # fmt: skip
KEYS = {"enter": "\ue007", "escape": "\ue00c", "tab": "\ue004", "space": " "}


def installed() -> bool:
    return all(shutil.which(name) for name in ("chromium", "chromedriver"))


@contextmanager
def browser(profile: Path, size_wh: tuple[int, int]) -> Iterator[Browser]:
    """A fresh headless Chromium. profile: an empty folder for its files."""
    port = _free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait_until_up(client)
            opened = Browser(client, profile, size_wh)
            try:
                yield opened
            finally:
                opened.close()
    finally:
        driver.terminate()
        driver.wait(20)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_until_up(client: httpx2.Client) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            if client.get("/status").json()["value"]["ready"]:
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < end, "chromedriver did not start"
        time.sleep(0.05)


class Browser:
    def __init__(self, client: httpx2.Client, profile: Path, size_wh: tuple[int, int]) -> None:
        self.client = client
        width, height = size_wh
        args = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args, "binary": shutil.which("chromium"),
                                   "prefs": {"download.default_directory": str(profile)}},
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
        }  # fmt: skip
        self.session = ""
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self.resize(size_wh)

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        where = path if path == "/session" else f"/session/{self.session}{path}"
        answer = (
            self.client.request(method, where, json=body) if method == "POST" else self.client.request(method, where)
        )
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def cdp(self, command: str, **params: object) -> Any:
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def resize(self, size_wh: tuple[int, int]) -> None:
        """The viewport itself, not the window around it."""
        width, height = size_wh
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    def find(self, css: str) -> str:
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css: str) -> None:
        self.call("POST", f"/element/{self.find(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        self.call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def choose(self, *paths: Path) -> None:
        """Files in the page's file dialog, which no click opens."""
        self.type("input[type=file]", "\n".join(str(path) for path in paths))

    def run(self, script: str, *args: object) -> Any:
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def text(self, css: str) -> str:
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css: str) -> list[str]:
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", css)

    def sees(self, css: str) -> bool:
        return self.run("return Boolean(document.querySelector(arguments[0])?.checkVisibility())", css)

    def wait(self, is_so: Callable[[], object], *, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, f"it did not happen; the page says: {self.text('body')[:2000]}"
            time.sleep(0.05)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        move = {"type": "pointerMove", "origin": "viewport", "duration": 60}
        steps = [
            {**move, "x": start[0], "y": start[1]}, {"type": "pointerDown", "button": 0},
            {**move, "x": (start[0] + end[0]) // 2, "y": (start[1] + end[1]) // 2},
            {**move, "x": end[0], "y": end[1]}, {"type": "pointerUp", "button": 0},
        ]  # fmt: skip
        self.act("pointer", steps)

    def point(self, x: int, y: int) -> None:
        self.act("pointer", [{"type": "pointerMove", "origin": "viewport", "duration": 30, "x": x, "y": y}])

    def keys(self, *names: str) -> None:
        """Pressed where the focus is."""
        signs = [KEYS.get(name, name) for name in names]
        self.act(
            "key",
            [step for sign in signs for step in ({"type": "keyDown", "value": sign}, {"type": "keyUp", "value": sign})],
        )

    def act(self, kind: str, steps: list[dict]) -> None:
        source = {"type": kind, "id": kind, "actions": steps}
        if kind == "pointer":
            source["parameters"] = {"pointerType": "mouse"}
        self.call("POST", "/actions", {"actions": [source]})

    def screenshot(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))
        return path

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call."""
        entries = self.call("POST", "/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        return [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """What the page wrote to the console since the last call: errors, refused content."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def close(self) -> None:
        self.call("DELETE", "")
