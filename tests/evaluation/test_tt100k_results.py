import json
import math

import numpy as np
import pytest

from lowres.evaluation.tt100k_records import SignDetections
from lowres.evaluation.tt100k_results import read_results, write_results

BOX = {"xmin": 1, "ymin": 2.5, "xmax": 31, "ymax": 42}


def results(*objects, image="7"):
    return {"imgs": {image: {"objects": list(objects)}}}


def sign(**changes):
    entry = {"category": "pl40", "bbox": BOX, "score": 500} | changes
    return {name: value for name, value in entry.items() if value is not ...}


@pytest.fixture
def read(tmp_path):
    """Read a document, or text as it stands."""

    def read_document(document, score_scale=1000):
        path = tmp_path / "results.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return read_results(path, score_scale=score_scale)

    return read_document


def test_the_official_layout_is_read_with_scores_over_their_scale(read):
    first, second = read({"imgs": {"7": {"objects": [sign(), sign(category="i2", score=40)]}, "10": {"objects": []}}})
    assert (first.image_id, first.categories, first.scores.tolist()) == ("7", ("pl40", "i2"), [0.5, 0.04])
    assert first.boxes_xyxy_px.tolist() == [[1, 2.5, 31, 42]] * 2
    assert (second.image_id, second.categories, second.boxes_xyxy_px.shape) == ("10", (), (0, 4))


def test_percentages_are_read_over_100(read):
    assert read(results(sign(score=25)), score_scale=100)[0].scores.tolist() == [0.25]


def test_scores_of_0_alone_are_the_same_on_every_scale(read):
    for score_scale in (1, 100, 1000):
        assert read(results(sign(score=0)), score_scale=score_scale)[0].scores.tolist() == [0.0]


def test_a_scale_of_1_leaves_scores_alone(read):
    assert read(results(sign(score=0.25)), score_scale=1)[0].scores.tolist() == [0.25]


def test_what_else_a_file_holds_is_let_through(read):
    document = {"types": ["pl40"], "imgs": {"7": {"id": 7, "objects": [sign(uncertain=True)]}}}
    assert len(read(document)[0].scores) == 1


def test_an_exact_duplicate_stays_two_detections(read):
    # One of them will be right and the other wrong: the protocol's rule, not the reader's.
    assert len(read(results(sign(), sign()))[0].scores) == 2


def test_a_box_without_width_is_read(read):
    assert len(read(results(sign(bbox=BOX | {"xmax": 1})))[0].scores) == 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "results.json: malformed JSON"),
        ("[" * 100_000, "results.json: malformed JSON"),
        ('{"imgs": {"7": {"objects": []}, "7": {"objects": []}}}', "results.json: the key '7' occurs twice"),
        ([], "results.json: has no object 'imgs'"),
        ({"imgs": []}, "results.json: has no object 'imgs'"),
        ({"imgs": {"7": []}}, r"results.json: imgs\['7'\]: has no list 'objects'"),
        ({"imgs": {"7": {}}}, r"imgs\['7'\]: has no list 'objects'"),
        (results(5), r"imgs\['7'\].objects\[0\] is 5"),
        (results(sign(), sign(bbox=...)), r"imgs\['7'\].objects\[1\].bbox is None"),
        (results(sign(bbox=[1, 2, 3, 4])), r"objects\[0\].bbox is \[1, 2, 3, 4\]; .* xmin, ymin, xmax, ymax"),
        (results(sign(bbox={"xmin": 1})), r"objects\[0\].bbox.ymin is None"),
        (results(sign(bbox=BOX | {"xmax": math.nan})), r"objects\[0\].bbox.xmax is nan"),
        (results(sign(bbox=BOX | {"ymax": math.inf})), r"objects\[0\].bbox.ymax is inf"),
        (results(sign(bbox=BOX | {"ymax": 10**400})), r"objects\[0\].bbox.ymax is 1000"),
        (results(sign(bbox=BOX | {"ymax": True})), r"objects\[0\].bbox.ymax is True"),
        (results(sign(bbox=BOX | {"ymax": "42"})), r"objects\[0\].bbox.ymax is '42'"),
        (results(sign(bbox=BOX | {"xmax": 0})), r"objects\[0\].bbox: xmax 0 is less than xmin 1"),
        (results(sign(bbox=BOX | {"ymax": 2})), r"objects\[0\].bbox: ymax 2 is less than ymin 2.5"),
        (results(sign(category=...)), r"objects\[0\].category is None"),
        (results(sign(category=5)), r"objects\[0\].category is 5"),
        (results(sign(score=...)), r"objects\[0\].score is None"),
        (results(sign(score=math.nan)), r"objects\[0\].score is nan"),
        (results(sign(score=-1)), r"objects\[0\].score is -1; .* 0 to the score scale, 1000"),
        (results(sign(score=1000.5)), r"objects\[0\].score is 1000.5"),
        (results(sign(score=0.9)), "no score is over 0.9, on a scale of 1000; .* read it with a score scale of 1"),
    ],
)
def test_what_is_malformed_is_refused_by_file_image_and_field(read, document, message):
    with pytest.raises(ValueError, match=message):
        read(document)


def test_a_score_over_1_is_refused_on_a_scale_of_1(read):
    with pytest.raises(
        ValueError, match=r"objects\[0\].score is 500; it must be a number from 0 to the score scale, 1"
    ):
        read(results(sign()), score_scale=1)


def test_other_scales_are_refused(read, tmp_path):
    with pytest.raises(ValueError, match=r"score scale: 10 is not known; scores go to 1, 100 or, .* 1000"):
        read(results(sign()), score_scale=10)
    with pytest.raises(ValueError, match="score scale: 0 is not known"):
        write_results(tmp_path / "out.json", [], score_scale=0)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_results(tmp_path / "results.json", score_scale=1)


@pytest.mark.parametrize("score_scale", [1, 1000])
def test_what_is_written_is_read_back(tmp_path, score_scale):
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 2000, (50, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 48, (50, 2))], axis=1)
    written = [
        SignDetections("7", boxes, ("pl40",) * 50, rng.random(50)),
        SignDetections("9", boxes[:0], (), boxes[:0, 0]),
    ]
    write_results(tmp_path / "new/out.json", written, score_scale=score_scale)
    read_back = read_results(tmp_path / "new/out.json", score_scale=score_scale)
    assert [(image.image_id, image.categories) for image in read_back] == [("7", ("pl40",) * 50), ("9", ())]
    assert np.array_equal(read_back[0].boxes_xyxy_px, boxes)
    assert read_back[0].scores == pytest.approx(written[0].scores, rel=3e-16 if score_scale > 1 else 0, abs=0)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.json"]


def test_writing_refuses_what_reading_would(tmp_path):
    one = SignDetections("7", np.array([[0.0, 0.0, 1.0, math.nan]]), ("pl40",), np.array([0.5]))
    with pytest.raises(ValueError, match="not finite"):
        write_results(tmp_path / "out.json", [one], score_scale=1)
    empty = SignDetections("7", np.zeros((0, 4)), (), np.zeros(0))
    with pytest.raises(ValueError, match="image '7' appears twice"):
        write_results(tmp_path / "out.json", [empty, empty], score_scale=1)
    assert list(tmp_path.iterdir()) == []
