from __future__ import annotations

import os
from pathlib import Path

import pytest

from georsmllm.errors import UsageError
from georsmllm.files import folder, folders_below, not_there, walk


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_an_empty_folder_gives_nothing(tmp_path: Path) -> None:
    assert list(walk(tmp_path, (".png",))) == []


def test_the_order_is_that_of_the_paths_as_text_whatever_the_file_system_says(tmp_path: Path) -> None:
    touch(tmp_path, "b/1.png", "a.png", "a/z.png", "a-1/x.png", "B.png", "a/b/c.png")
    found = list(walk(tmp_path, (".png",)))
    assert found == ["B.png", "a-1/x.png", "a.png", "a/b/c.png", "a/z.png", "b/1.png"]
    assert found == sorted(found)


def test_suffixes_count_in_any_case_and_others_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "1.PNG", "2.Tif", "3.txt", "png")
    assert list(walk(tmp_path, (".png", ".tif"))) == ["1.PNG", "2.Tif"]


def test_junk_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "._1.png", ".DS_Store", "Thumbs.db", ".hidden/2.png", "__MACOSX/3.png", "4.png")
    assert list(walk(tmp_path, (".png", ".db", ".ds_store"))) == ["4.png"]


def test_names_with_spaces_and_unicode_stay_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "positive image set/río 2.png", "影像/一.png")
    assert list(walk(tmp_path, (".png",))) == ["positive image set/río 2.png", "影像/一.png"]


def test_a_flat_walk_stays_in_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "below/2.png")
    assert list(walk(tmp_path, (".png",), recursive=False)) == ["1.png"]


def test_a_loop_of_links_ends_and_every_file_comes_once(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "over").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to("self")
    assert list(walk(tmp_path, (".png",))) == ["a/1.png", "b/2.png"]


def test_a_linked_folder_is_followed_and_a_dangling_link_is_still_named(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "1.png")
    root = tmp_path / "root"
    root.mkdir()
    (root / "images").symlink_to(tmp_path / "elsewhere")
    (root / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert list(walk(root, (".png",))) == ["gone.png", "images/1.png"]


def test_folders_come_shallow_first_and_no_deeper_than_asked(tmp_path: Path) -> None:
    touch(tmp_path, "b/c/d/x", "a/.git/x", "__MACOSX/x")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    assert list(folders_below(tmp_path, depth=0)) == []
    assert [str(path.relative_to(tmp_path)) for path in folders_below(tmp_path, depth=2)] == ["a", "b", "b/c"]


def test_a_missing_root_names_what_was_expected_and_how_far_the_path_exists(tmp_path: Path) -> None:
    touch(tmp_path, "dota/train/x.txt")
    with pytest.raises(UsageError) as caught:
        list(walk(tmp_path / "dota" / "trian" / "images", (".png",)))
    message = str(caught.value)
    assert f"no such folder: {tmp_path}/dota/trian/images" in message
    assert "expected a folder with .png files" in message
    assert f"{tmp_path}/dota exists and holds train" in message
    assert "\n" not in message


def test_a_file_in_place_of_a_folder_is_said_to_be_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "x")
    with pytest.raises(UsageError, match=r"expected a root at .*/x, found a file"):
        folder(tmp_path / "x", "a root")


def test_a_name_that_is_not_utf_8_is_a_clear_line(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"r\xedo.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UsageError, match=r"not UTF-8: b'r\\xedo.png'; rename it"):
        list(walk(tmp_path, (".png",)))


def test_a_folder_without_what_is_wanted_says_what_it_holds_and_which_one_is_meant(tmp_path: Path) -> None:
    touch(tmp_path, "x/a/images/1.png", "x/b/._1", *(f"y/{i}" for i in range(6)))

    def said(name: str) -> str:
        return str(not_there(tmp_path / name, "images", lambda path: (path / "images").is_dir(), "images there"))

    meant = f"these lie in {tmp_path / 'x/a'}: give that"
    assert said("x") == f"no images in {tmp_path / 'x'}, which holds a, b; {meant}"
    assert said("x/a/images") == f"no images in {tmp_path / 'x/a/images'}, which holds 1.png; {meant}"
    assert said("x/b") == f"no images in {tmp_path / 'x/b'}, which holds nothing; expected images there"
    assert said("y") == f"no images in {tmp_path / 'y'}, which holds 0, 1, 2, 3, 4, ...; expected images there"
