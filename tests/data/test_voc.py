import pytest

from lowres.data.images import BadImageError
from lowres.data.voc import VocSource

XML = (
    "<annotation><size><width>20</width><height>10</height></size>{}</annotation>",
    "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object>",
)


@pytest.fixture
def root(tmp_path, picture, png):
    """Two images, the first with a cat and a dog, the second with a dog."""
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("1\n2\n")
    for name, labels in (("1", ("cat", "dog")), ("2", ("dog",))):
        objects = "".join(XML[1].format(label) for label in labels)
        (tmp_path / f"Annotations/{name}.xml").write_text(XML[0].format(objects))
        (tmp_path / f"JPEGImages/{name}.jpg").write_bytes(png(picture(20, 10)))
    return tmp_path


def images(root, *classes):
    return list(VocSource(root, prefix="", ids="ImageSets/Main/train.txt", classes=classes))


def test_near_edges_move_to_where_pixels_count_from_0(root):
    first, _ = images(root, "cat", "dog")
    assert first.boxes_xyxy_px.tolist() == [[0, 1, 5, 6]] * 2
    assert (first.category_ids.tolist(), first.stated_wh_px, first.faults) == ([1, 2], (20, 10), ())


def test_object_of_another_class_is_left_to_packing(root):
    first, second = images(root, "dog")
    assert first.category_ids.tolist() == [1]
    told = "class 'cat' is not in data.source.classes, which has dog"
    assert first.faults == (("1.xml object 1", "unknown category", told),)
    assert second.faults == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Annotations/1.xml: no such file"),
        ("<annotation>", "Annotations/1.xml is no XML: no element found"),
        ("<?xml version='1.0' encoding='nonsense'?><annotation/>", "Annotations/1.xml is no XML: unknown encoding"),
    ],
)
def test_image_whose_xml_cannot_be_read_is_left_to_packing(root, content, message):
    path = root / "Annotations/1.xml"
    path.unlink() if content is None else path.write_text(content)
    first, second = images(root, "cat", "dog")
    assert len(first.category_ids) == 0
    with pytest.raises(BadImageError, match=f"^annotation cannot be read: {message}"):
        first.read()
    assert second.read()
