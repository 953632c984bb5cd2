from pathlib import Path

import numpy as np
import onnx
import pytest

from lowres.export.runtime import OnnxDetector, same_size_batches


def test_images_of_mixed_sizes_come_back_in_order_with_their_ids(whole_image_file, noise):
    detector = OnnxDetector(whole_image_file(), threads=1)
    images = noise((20, 30), (40, 10), (20, 30), (20, 30))
    found = detector.detect(images, image_ids=[7, 8, 9, 3], batch_size=2)
    assert [one.image_id for one in found] == [7, 8, 9, 3]
    assert [one.boxes_xyxy_px.tolist() for one in found] == [
        [[0, 0, 30, 20]],
        [[0, 0, 10, 40]],
        [[0, 0, 30, 20]],
        [[0, 0, 30, 20]],
    ]
    assert [one.scores.tolist() for one in found] == [[0.5]] * 4
    assert [one.labels.tolist() for one in found] == [[2]] * 4


def test_no_images_give_no_detections(whole_image_file):
    assert OnnxDetector(whole_image_file(), threads=1).detect([]) == []


def test_ids_count_from_zero_unless_given(whole_image_file, noise):
    found = OnnxDetector(whole_image_file(), threads=1).detect(noise((8, 8), (9, 9)))
    assert [one.image_id for one in found] == [0, 1]


def test_metadata_and_class_names_are_read(whole_image_file, metadata):
    detector = OnnxDetector(whole_image_file(extra="1"), threads=2)
    assert detector.class_names == ["stop", "yield", "speed 30"]
    assert detector.metadata["commit"] == metadata["commit"]
    assert detector.metadata["extra"] == "1"
    assert detector.threads == 2


def test_same_size_images_are_batched_together_at_most_so_many(noise):
    images = noise((4, 4), (5, 5), (4, 4), (4, 4))
    assert list(same_size_batches(images, 2)) == [[0, 2], [3], [1]]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["float", "grey", "alpha", "empty"],
)
def test_what_is_no_rgb_image_is_refused(whole_image_file, image):
    with pytest.raises(ValueError, match="image 0: need uint8"):
        OnnxDetector(whole_image_file(), threads=1).detect([image])


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"none\.onnx: no such ONNX file"):
        OnnxDetector(tmp_path / "none.onnx", threads=1)


def test_file_cut_short_is_refused_at_every_length(whole_image_file):
    path = whole_image_file()
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"damaged|no lowres model"):
            OnnxDetector(path, threads=1)


def test_file_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "model.onnx"
    path.write_text("not a model")
    with pytest.raises(ValueError, match="damaged, or no ONNX file"):
        OnnxDetector(path, threads=1)


def test_onnx_file_from_elsewhere_is_refused(tmp_path: Path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 18]> f (float[n] x) => (float[n] y) {y = Neg(x)}'
    )
    path = tmp_path / "model.onnx"
    onnx.save(model, str(path))
    with pytest.raises(ValueError, match="no lowres model of format 1"):
        OnnxDetector(path, threads=1)


def test_format_of_another_version_is_refused(whole_image_file):
    with pytest.raises(ValueError, match="its metadata says '2'"):
        OnnxDetector(whole_image_file(lowres_format="2"), threads=1)


def test_run_that_fails_names_the_image_size(tmp_path: Path, metadata, noise):
    # TopK of more than there is: what an image smaller than the number of queries leads to.
    model = onnx.parser.parse_model(
        """
        <ir_version: 8, opset_import: ["" : 18]>
        few (uint8[batch, height, width, 3] pixels) => (float[n] boxes, float[n] scores, int64[n] labels) {
            flat_shape = Constant<value_ints = [-1]>()
            flat = Reshape(pixels, flat_shape)
            values = Cast<to = 1>(flat)
            count = Constant<value_ints = [1000]>()
            boxes, labels = TopK(values, count)
            scores = Neg(boxes)
        }
        """
    )
    onnx.helper.set_model_props(model, {**metadata, "lowres_format": "1"})
    onnx.save(model, str(tmp_path / "model.onnx"))
    with pytest.raises(ValueError, match=r"image of 5x4 px \(an image that gives the model fewer positions"):
        OnnxDetector(tmp_path / "model.onnx", threads=1).detect(noise((4, 5)))
