"""Images and results that the page works on: private files under random ids, the oldest forgotten, all removed at the end."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from georsmllm import images
from georsmllm.errors import UsageError
from georsmllm.imagefile import MAX_PIXELS, BadImage
from georsmllm.result import Result
from georsmllm.scene import Scene
from georsmllm.serve.refusals import Refusal, bad
from georsmllm.serve.settings import Settings

OPEN = 4
"""Images whose pixels may stay in memory between requests."""
ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """What nobody can guess."""
    return secrets.token_hex(16)


@dataclass(slots=True)
class Kept:
    """An image. folder: removed with it, None for a file of somebody else's. users: asks that are at work on it."""

    id: str
    name: str
    scene: Scene
    size: int
    folder: Path | None
    used_at: float
    users: int = 0


@dataclass(slots=True)
class Answered:
    """A result and the folder of its files. images: the ids that it was asked of; it goes with them."""

    id: str
    result: Result
    images: tuple[str, ...]
    folder: Path
    used_at: float
    lock: threading.Lock = field(default_factory=threading.Lock)


def open_scene(path: Path, max_pixels: int, scene: Callable[[Path], Scene] = Scene) -> Scene:
    """A picture somebody sent, refused by its header where it is none or too large; messages name no path of ours."""
    try:
        width, height = images.size_wh(path)
        if width * height > max_pixels:
            raise Refusal(
                413,
                "too_many_pixels",
                f"{width} x {height} px is more than the {max_pixels / 1e6:g} megapixels that this server takes",
            )
        return scene(path)
    except BadImage as error:
        raise bad(
            without_path(f"the image cannot be read: {error.message} [{error.reason}]", path), code="bad_image"
        ) from None
    except UsageError as error:
        raise bad(without_path(str(error), path), code="bad_image") from None


def without_path(message: str, path: Path) -> str:
    """A message for somebody who must not learn where files lie here."""
    return message.replace(str(path), path.name).replace(f"{path.parent}/", "").replace(str(path.parent), "")


def safe_name(name: str) -> str:
    """A file name that is one everywhere and leads nowhere: letters, digits, dot, dash, underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[-80:].lstrip("._") or "image"


class Store:
    """Thread-safe. Its folder is readable by its owner only. scene: how a file is opened."""

    def __init__(self, settings: Settings, scene: Callable[[Path], Scene] = Scene) -> None:
        self.settings = settings
        self._scene = scene
        self._folder = tempfile.TemporaryDirectory(prefix="georsmllm-")
        self.folder = Path(self._folder.name)
        self._images: OrderedDict[str, Kept] = OrderedDict()
        self._results: OrderedDict[str, Answered] = OrderedDict()
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            for kept in self._images.values():
                kept.scene.close()
            self._images.clear()
            self._results.clear()
            self._folder.cleanup()

    def new_folder(self) -> Path:
        folder = self.folder / new_id()
        folder.mkdir()
        return folder

    def new_file(self, name: str) -> Path:
        """A path in a folder of its own, named as the sender names it, made safe."""
        return self.new_folder() / safe_name(name)

    def opened(self, path: Path) -> Scene:
        """Somebody's picture, within the limits; raises Refusal."""
        return open_scene(path, self.settings.max_pixels, self._scene)

    def add(self, path: Path, name: str) -> Kept:
        """A file of `new_file` that is there now; one that is refused is removed."""
        try:
            scene = self.opened(path)
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        kept = Kept(path.parent.name, name, scene, path.stat().st_size, path.parent, time.monotonic())
        with self._lock:
            self._images[kept.id] = kept
            self._tidy()
        return kept

    def offer(self, identity: str, path: Path, name: str) -> Kept:
        """A file of somebody's folder, which stays where it is."""
        scene = open_scene(path, MAX_PIXELS, self._scene)
        kept = Kept(identity, name, scene, 0, None, time.monotonic())
        with self._lock:
            kept = self._images.setdefault(identity, kept)
            self._images.move_to_end(identity)
            self._tidy()
            return kept

    def has(self, identity: str) -> bool:
        with self._lock:
            return identity in self._images

    def image(self, identity: str) -> Kept:
        """Raises Refusal(404)."""
        with self._lock:
            kept = self._images.get(identity)
            if kept is None:
                raise Refusal(404, "no_image", "no such image here, or no longer: open it again")
            kept.used_at = time.monotonic()
            self._images.move_to_end(identity)
            for other in [*self._images.values()][:-OPEN]:
                if not other.users:
                    other.scene.close()  # it holds decoded pixels, or an open file; a later read opens it again
            return kept

    @contextmanager
    def using(self, identity: str) -> Iterator[Kept]:
        """An image that is not forgotten meanwhile."""
        with self._lock:
            kept = self.image(identity)
            kept.users += 1
        try:
            yield kept
        finally:
            with self._lock:
                kept.users -= 1

    def remember(self, result: Result, image_ids: tuple[str, ...]) -> Answered:
        folder = self.new_folder()
        identity = folder.name
        answered = Answered(identity, result, image_ids, folder, time.monotonic())
        with self._lock:
            self._results[identity] = answered
            self._tidy()
        return answered

    def result(self, identity: str) -> Answered:
        """Raises Refusal(404)."""
        with self._lock:
            answered = self._results.get(identity)
            if answered is None:
                raise Refusal(404, "no_result", "no such result here, or no longer: ask again")
            answered.used_at = time.monotonic()
            for image in answered.images:
                if image in self._images:
                    self.image(image)
            return answered

    def _tidy(self) -> None:
        """Forget what nobody used for long, then the longest unused until all is within the limits."""
        now, settings = time.monotonic(), self.settings
        own = [*self._images.values()]
        held, num = sum(kept.size for kept in own), len(own)
        for kept in own[:-1]:
            is_old = now - kept.used_at > settings.kept_s
            is_over = held > settings.kept_bytes or num > settings.kept_images
            if kept.users or not (is_old or is_over):
                continue
            held, num = held - kept.size, num - 1
            self._forget_image(kept)
        for answered in [*self._results.values()][:-1]:
            if len(self._results) > settings.kept_results or now - answered.used_at > settings.kept_s:
                self._forget_result(answered)

    def _forget_image(self, kept: Kept) -> None:
        del self._images[kept.id]
        kept.scene.close()
        if kept.folder is not None:
            shutil.rmtree(kept.folder, ignore_errors=True)
        for answered in [one for one in self._results.values() if kept.id in one.images]:
            self._forget_result(answered)

    def _forget_result(self, answered: Answered) -> None:
        del self._results[answered.id]
        shutil.rmtree(answered.folder, ignore_errors=True)
