import numpy as np
import pytest

from lowres.report.draw import CLASS_COLOURS, OUTCOME_COLOURS, draw_boxes, drawing_scale

NAMES = ["speed 30", "stop"]


def blank(height=100, width=120):
    return np.full((height, width, 3), 90, np.uint8)


def has_colour(image, colour, near=0):
    return bool((np.abs(image.astype(int) - np.array(colour)).max(axis=2) <= near).any())


def test_image_without_boxes_is_only_enlarged():
    drawn = draw_boxes(blank(), np.zeros((0, 4)), [], NAMES, scale=3)
    assert drawn.shape == (300, 360, 3)
    assert drawn.dtype == np.uint8
    assert (drawn == 90).all()


def test_input_is_left_as_it_was():
    image = blank()
    draw_boxes(image, np.array([[10.0, 10, 50, 60]]), [0], NAMES, scale=1)
    assert (image == 90).all()


def test_small_images_are_enlarged_by_a_whole_factor_and_large_ones_not():
    assert drawing_scale(256, 256) == 3
    assert drawing_scale(64, 48) == 10
    assert drawing_scale(800, 1333) == 1
    assert draw_boxes(blank(256, 200), np.zeros((0, 4)), [], NAMES).shape == (768, 600, 3)


def test_line_lies_around_the_box_and_not_on_it():
    drawn = draw_boxes(np.full((400, 400, 3), 90, np.uint8), np.array([[100.0, 200, 140, 260]]), [1], NAMES, scale=1)
    assert (drawn[200:260, 100:140] == 90).all()
    assert has_colour(drawn[194:200, 100:140], CLASS_COLOURS[1])
    assert has_colour(drawn[200:260, 140:146], CLASS_COLOURS[1])


def test_label_lies_in_the_image_even_for_boxes_at_or_beyond_its_edges():
    boxes = np.array([[0.0, 0, 20, 12], [100, 90, 120, 100], [-50, -50, 300, 300], [200, 200, 210, 210], [5, 5, 5, 5]])
    drawn = draw_boxes(blank(), boxes, [0, 1, 0, 1, 0], NAMES, [0.9, 0.8, 0.7, 0.6, 0.5])
    assert drawn.shape == (600, 720, 3)
    assert has_colour(drawn, CLASS_COLOURS[0])
    assert has_colour(drawn, CLASS_COLOURS[1])


def test_labels_of_neighbours_do_not_cover_each_other():
    image = np.full((256, 256, 3), 90, np.uint8)
    one = draw_boxes(image, np.array([[100.0, 100, 112, 112]]), [0], NAMES)
    other = draw_boxes(image, np.array([[104.0, 101, 116, 113]]), [1], NAMES)
    both = draw_boxes(image, np.array([[100.0, 100, 112, 112], [104, 101, 116, 113]]), [0, 1], NAMES)

    def painted(drawn, colour):
        return int((np.abs(drawn.astype(int) - np.array(colour)).max(axis=2) <= 2).sum())

    assert painted(both, CLASS_COLOURS[0]) > 0.8 * painted(one, CLASS_COLOURS[0])
    assert painted(both, CLASS_COLOURS[1]) > 0.8 * painted(other, CLASS_COLOURS[1])


def test_outcomes_have_their_colours_and_the_missed_no_label():
    boxes = np.array([[20.0, 60, 40, 80], [60, 60, 80, 80], [90, 20, 110, 40]])
    drawn = draw_boxes(blank(), boxes, [0, 1, 1], NAMES, colour_by="outcome", outcomes=["found", "false", "missed"])
    for outcome in ("found", "false", "missed"):
        assert has_colour(drawn, OUTCOME_COLOURS[outcome])
    assert not has_colour(drawn, OUTCOME_COLOURS["truth"])
    missed = (drawn == np.array(OUTCOME_COLOURS["missed"])).all(axis=2).sum()
    found = (drawn == np.array(OUTCOME_COLOURS["found"])).all(axis=2).sum()
    assert missed < 0.5 * found  # dashes against a full line with a label


def test_names_beyond_ascii_and_with_signs_can_be_drawn():
    drawn = draw_boxes(blank(), np.array([[20.0, 60, 40, 80]]), [0], ["Größe ≥ 30 <b>"], [float("nan")])
    assert has_colour(drawn, CLASS_COLOURS[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((5, 5), np.uint8)}, "give uint8"),
        ({"image": np.zeros((5, 5, 3), np.float32)}, "give uint8"),
        ({"boxes_xyxy_px": np.array([[0, 0, np.nan, 1.0]])}, "NaN"),
        ({"labels": [0, 1]}, "2 for 1 boxes"),
        ({"labels": [2]}, "no name among 2"),
        ({"labels": [-1]}, "no name among 2"),
        ({"scores": [0.1, 0.2]}, "2 for 1 boxes"),
        ({"scale": 0}, "under 1"),
        ({"colour_by": "outcome"}, "outcomes"),
        ({"colour_by": "outcome", "outcomes": ["lost"]}, "outcomes"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(change, message):
    arguments = {"image": blank(), "boxes_xyxy_px": np.array([[1.0, 1, 9, 9]]), "labels": [0], "class_names": NAMES}
    with pytest.raises(ValueError, match=message):
        draw_boxes(**(arguments | change))
