from __future__ import annotations

from pathlib import Path

import pytest

from georsmllm.errors import BadRecord
from georsmllm.formats import voc
from georsmllm.types import box, rbox

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40.5</ymax></bndbox>"
TURNED = "".join(
    f"<x_{at}>{x}</x_{at}><y_{at}>{y}</y_{at}>"
    for at, x, y in (("left_top", 40, 20), ("right_top", 30, 30), ("right_bottom", 12, 12), ("left_bottom", 22, 2))
)


def obj(inside: str = BOX, name: str = "ship") -> str:
    return f"<object><name>{name}</name>{inside}</object>"


def read(root: Path, text: str | bytes) -> voc.Annotation:
    (root / "1.xml").write_bytes(text.encode() if isinstance(text, str) else text)
    return voc.read(root, "1.xml")


def bad(root: Path, text: str | bytes) -> BadRecord:
    with pytest.raises(BadRecord) as caught:
        read(root, text)
    assert caught.value.reason in voc.REASONS
    return caught.value


def test_a_file_without_objects_holds_none(tmp_path: Path) -> None:
    assert read(tmp_path, "<annotation/>") == voc.Annotation("", None, ())


def test_an_object_is_read_with_its_line_and_its_bytes(tmp_path: Path) -> None:
    said = obj(BOX + "<description>A  b\n c</description>")
    text = f"<annotation>\n<filename> 7.jpg </filename>\n{obj()}\n{said}</annotation>"
    found = read(tmp_path, text)
    first, second = found.objects
    assert (found.filename, first.line, first.name, first.box, first.corners, first.difficult) == (
        "7.jpg", 3, "ship", (1, 2, 30, 40.5), None, False,
    )  # fmt: skip
    assert [text[slice(*item.span)] for item in (first, second)] == [obj(), said]
    assert second.description == "A b c"
    assert voc.object_spans(tmp_path, "1.xml") == (first.span, second.span)


def test_tags_are_read_in_any_case_and_bytes_marks_and_comments_do_no_harm(tmp_path: Path) -> None:
    upper = (
        "\ufeff<?xml version='1.0'?><!-- x --><Annotation><Object><Name>ship</Name>" + BOX + "</Object></Annotation>"
    )
    assert len(read(tmp_path, upper).objects) == 1


@pytest.mark.parametrize(("flag", "difficult"), [("", False), ("0", False), ("1", True), ("2", True)])
def test_the_difficult_flag_may_be_missing(tmp_path: Path, flag: str, difficult: bool) -> None:
    said = f"<difficult>{flag}</difficult>" if flag else ""
    assert read(tmp_path, f"<annotation>{obj(said + BOX)}</annotation>").objects[0].difficult is difficult


def test_a_rotated_box_is_its_corners_whatever_they_are_called(tmp_path: Path) -> None:
    (item,) = read(tmp_path, f"<annotation>{obj(f'{BOX}<robndbox>{TURNED}</robndbox>')}</annotation>").objects
    assert item.corners == ((40, 20), (30, 30), (12, 12), (22, 2))
    assert voc.shape_of(item, (64, 64)).shape == rbox(((22, 2), (40, 20), (30, 30), (12, 12)))


@pytest.mark.parametrize(
    ("sides", "shape", "ignore", "mended"),
    [
        ((0, 0, 64, 64), box(0, 0, 64, 64), None, ()),
        ((30, 40, 10, 20), box(10, 20, 30, 40), None, ("swapped_sides",)),
        ((44, 40, 68, 53), box(44, 40, 64, 53), None, ("clipped_to_image",)),
        ((5, 5, 5, 20), box(5, 5, 5, 20), "collapsed", ()),
        ((80, 80, 90, 90), box(80, 80, 90, 90), "outside_image", ()),
        ((54, 10, 84, 20), box(54, 10, 64, 20), "low_visibility", ("clipped_to_image",)),
    ],
)
def test_a_box_is_put_inside_its_image_by_name(sides, shape, ignore, mended) -> None:
    item = voc.Object(1, (0, 9), "ship", sides, None, False, "")
    shaped = voc.shape_of(item, (64, 64))
    assert (shaped.shape, shaped.ignore, shaped.mended) == (shape, ignore, mended)


@pytest.mark.parametrize(
    ("text", "reason", "where"),
    [
        ("", "bad_xml", ":1"),
        ("<annotation>\n<object>", "bad_xml", ":2"),
        ("<annotation>\n\n<object></annotation>", "bad_xml", ":3"),
        ("<html/>", "bad_xml", ":1"),
        (b"<annotation>\xff</annotation>", "bad_xml", ":1"),
        (f"<annotation>\n<object>{BOX}</object></annotation>", "bad_entry", ":2"),
        (f"<annotation>\n{obj('')}</annotation>", "no_shape", ":2"),
        (f"<annotation>\n{obj('<bndbox><xmin>1</xmin></bndbox>')}</annotation>", "not_a_number", ":2"),
        (f"<annotation>\n\n{obj(BOX.replace('40.5', '4O'))}</annotation>", "not_a_number", ":3"),
        (f"<annotation>{obj(BOX.replace('40.5', 'nan'))}</annotation>", "not_finite", ":1"),
        (f"<annotation>{obj(BOX.replace('40.5', '1e9'))}</annotation>", "not_finite", ":1"),
        (f"<annotation>{obj(BOX.replace('40.5', '1_000'))}</annotation>", "not_a_number", ":1"),
        ("<annotation>" + "<a>" * 40, "bad_xml", ":1"),
        ("<?xml version='1.0' encoding='GBK'?>\n<annotation/>", "bad_xml", ":1"),
        ("<?xml version='1.0' encoding='none-such'?>\n<annotation/>", "bad_xml", ":1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str | bytes, reason: str, where: str) -> None:
    error = bad(tmp_path, text)
    assert (error.reason, error.where) == (reason, f"1.xml{where}")


def test_a_document_type_is_refused_before_any_entity_grows(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">\n' for i in range(30))
    error = bad(tmp_path, f"<!DOCTYPE annotation [\n{laughs}]>\n<annotation>&l29;</annotation>")
    assert error.reason == "bad_xml"
    assert error.message.startswith("a document type")


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="label_missing"):
        voc.read(tmp_path, "2.xml")


@pytest.mark.parametrize(
    ("size_wh", "refused"), [((64, 64), False), ((66, 62), False), ((64, 67), True), ((32, 32), True)]
)
def test_an_image_of_clearly_another_size_is_refused(size_wh: tuple[int, int], refused: bool) -> None:
    reasons = []
    for written in ((64.0, 64.0), None):
        try:
            voc.check_size(voc.Annotation("", written, ()), size_wh, "1.xml")
        except BadRecord as error:
            reasons.append(error.reason)
    assert reasons == ["size_mismatch"] * refused
