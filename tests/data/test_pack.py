import json
import math
import tarfile

import numpy as np
import pytest
from pycocotools.coco import COCO

from lowres.data.pack import pack_split
from lowres.data.shards import ShardReader, read_index
from lowres.data.truth import category_ids, class_names, load_truth


def test_every_image_is_packed_as_it_was(coco, picture, tmp_path):
    for i in range(5):
        coco.add(picture(20 + i, 10, seed=i), [(1, 1, 4, 4)])
    report = coco.pack(tmp_path / "out", shard_bytes=3000)
    reader = ShardReader(tmp_path / "out")
    assert [bytes(reader[i]) for i in range(5)] == [(coco.images / f"{10 * i}.png").read_bytes() for i in range(1, 6)]
    assert reader.ids.tolist() == [10, 20, 30, 40, 50]
    assert reader.sizes_wh_px.tolist() == [[20 + i, 10] for i in range(5)]
    assert (report["images"], report["read"], report["refused"]) == (5, 5, [])
    assert report["shards"] > 1


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0.2, 0.3, 0.4, 0.5), "most boxes are shares of the image where pixels are expected: 3 of 3 boxes lie within"),
        ((30, 20, 60, 50), "boxes look like corners .* 3 of 3 boxes reach out of their image, 0 if read as corners"),
    ],
)
def test_boxes_that_are_misread_as_a_whole_are_refused_whatever_is_allowed(coco, picture, tmp_path, box, message):
    for _ in range(3):
        coco.add(picture(64, 64), [box])
    with pytest.raises(ValueError, match=message):
        coco.pack(tmp_path / "out", max_bad_fraction=1.0)


def test_shards_are_plain_tars_below_the_size(packed):
    index = read_index(packed)
    names = []
    for shard in index["shards"]:
        assert shard["bytes"] == (packed / shard["file"]).stat().st_size
        with tarfile.open(packed / shard["file"]) as tar:
            names += tar.getnames()
    assert names == [f"{image['id']:012d}.png" for image in index["images"]]


def test_folder_and_tar_of_images_pack_to_the_same_bytes(coco, picture, tmp_path):
    from lowres.data.coco import CocoSource

    for i in range(3):
        coco.add(picture(16, 16, seed=i))
    with tarfile.open(tmp_path / "images.tar", "w") as tar:
        tar.add(coco.images, "some/folder")
    coco.pack(tmp_path / "a")
    tarred = CocoSource(tmp_path / "images.tar", coco.annotations)
    pack_split(tarred, tmp_path / "b", shard_bytes=1 << 20, max_bad_fraction=0, min_side_px=1, threads=1)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["annotations.json", "index.json", "shard-00000.tar"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_annotations_are_valid_coco_with_official_ids(coco, picture, tmp_path):
    coco.add(picture(30, 20), [(1, 2, 10, 5)], category_id=7, area=20.0)
    coco.add(picture(30, 20))
    coco.add(picture(30, 20), [(0, 0, 30, 20)], category_id=3, iscrowd=1)
    coco.pack(tmp_path / "out")
    reference = COCO(tmp_path / "out" / "annotations.json")
    assert reference.getCatIds() == [3, 7]
    assert sorted(reference.getAnnIds()) == [1, 2]
    first, second = reference.loadAnns([1, 2])
    assert (first["bbox"], first["area"], first["iscrowd"], first["category_id"]) == ([1, 2, 10, 5], 20.0, 0, 7)
    assert (second["bbox"], second["area"], second["iscrowd"]) == ([0, 0, 30, 20], 600.0, 1)
    assert class_names(tmp_path / "out") == ["cat", "dog"]
    assert category_ids(tmp_path / "out") == [3, 7]
    truth = load_truth(tmp_path / "out")
    assert [image.labels.tolist() for image in truth] == [[1], [], [0]]
    assert truth[0].boxes_xyxy_px.tolist() == [[1, 2, 11, 7]]
    assert truth[2].iscrowd.tolist() == [True]


def test_boxes_are_kept_clipped_or_dropped_and_all_are_counted(coco, picture, tmp_path):
    boxes = [
        (1, 1, 5, 5),
        (-2, -3, 6, 8),  # 4 x 5 of it inside
        (18, 8, 10.0, 10),  # 2 x 2 inside
        (15, 5, 5.000001, 5),  # rounding, not clipping
        (30, 1, 5, 5),
        (1, 1, 0, 5),
        (1, 1, 5, -1),
        (math.nan, 1, 5, 5),
        (1, 1, math.inf, 5),
    ]
    coco.add(picture(20, 10), boxes, area=30.0)
    report = coco.pack(tmp_path / "out", max_bad_fraction=0.6)["boxes"]
    assert [entry["file"] for entry in report["dropped"]] == ["10.png"] * 5
    assert report["dropped"][0]["reason"] == "outside the image: 30 1 35 6"
    assert report | {"dropped": []} == {
        "kept": 4,
        "clipped": 2,
        "crowd": 0,
        "dropped": [],
        "dropped_by_reason": {"not four finite numbers": 2, "outside the image": 1, "side not positive": 2},
        "of_refused_images": 0,
    }
    (image,) = load_truth(tmp_path / "out")
    assert image.boxes_xyxy_px.tolist() == [[1, 1, 6, 6], [0, 0, 4, 5], [18, 8, 20, 10], [15, 5, 20, 10]]
    assert image.area_px.tolist() == [25, 20, 4, 25]


def faulty(coco, picture):
    for i in range(6):
        coco.add(picture(32, 32, seed=i), [(1, 1, 5, 5)] * (i in (0, 1, 4)))
    (coco.images / "20.png").write_bytes((coco.images / "20.png").read_bytes()[:900])
    (coco.images / "40.png").unlink()
    coco.document["images"][4]["width"] = 31
    return coco


def test_refused_images_are_listed_with_their_reason(coco, picture, tmp_path):
    report = faulty(coco, picture).pack(tmp_path / "out", max_bad_fraction=0.5)
    assert report["read"] == 3
    assert [entry["file"] for entry in report["refused"]] == ["20.png", "40.png", "50.png"]
    assert report["refused_by_reason"] == {"cannot be read": 1, "size differs": 1, "truncated or damaged": 1}
    assert report["read"] + len(report["refused"]) == report["images"]
    assert report["boxes"]["of_refused_images"] == 2
    assert [image.image_id for image in load_truth(tmp_path / "out")] == [10, 30, 60]


def test_too_many_refused_images_fail_in_one_line_and_leave_no_index(coco, picture, tmp_path):
    message = (
        r"instances\.json: 3 of 6 images refused, max_bad_fraction allows 0\.4 .*first: '20\.png' truncated or dam"
    )
    with pytest.raises(ValueError, match=message) as caught:
        faulty(coco, picture).pack(tmp_path / "out", max_bad_fraction=0.4)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_too_many_dropped_boxes_fail_as_too_many_images_do(coco, picture, tmp_path):
    coco.add(picture(20, 10), [(1, 1, 5, 5), (1, 1, math.nan, 5), (1, 1, 5, 0), (2, 1, 5, 0)])
    coco.pack(tmp_path / "allowed", max_bad_fraction=0.75)
    message = (
        r"instances\.json: 3 of 4 boxes refused, max_bad_fraction allows 0\.7 \(side not positive: 2, not four finite "
        r"numbers: 1; first: '10\.png' not four finite numbers: 1 1 nan 6\); repair them or raise max_bad_fraction$"
    )
    with pytest.raises(ValueError, match=message):
        coco.pack(tmp_path / "out", max_bad_fraction=0.7)
    assert list((tmp_path / "out").iterdir()) == []


def test_annotations_that_cannot_be_read_count_as_dropped_boxes(coco, picture, tmp_path):
    for _ in range(2):
        coco.add(picture(20, 10), [(1, 1, 5, 5), (1, 1, 5, 5)])
    coco.document["annotations"][1]["category_id"] = 99
    coco.document["annotations"][2]["image_id"] = 99
    boxes = coco.pack(tmp_path / "allowed", max_bad_fraction=0.5)["boxes"]
    assert (boxes["kept"], boxes["dropped_by_reason"]) == (2, {"unknown category": 1, "unknown image": 1})
    assert [entry["file"] for entry in boxes["dropped"]] == ["annotations[1]", "annotations[2]"]
    with pytest.raises(ValueError, match=r"2 of 4 boxes refused, .*first: 'annotations\[1\]' category_id is 99"):
        coco.pack(tmp_path / "out")


def test_split_that_loses_every_box_fails_whatever_is_allowed(coco, picture, tmp_path):
    coco.add(picture(20, 10), [(1, 1, 5, 0)])
    with pytest.raises(ValueError, match="1 of 1 boxes refused"):
        coco.pack(tmp_path / "out", max_bad_fraction=1.0)


def test_image_smaller_than_the_ratio_allows_is_named(coco, picture, tmp_path):
    coco.add(picture(64, 3), name="flat.png")
    with pytest.raises(ValueError, match=r"1 of 1 .*'flat\.png' too small: 64x3, min_side_px is 4"):
        coco.pack(tmp_path / "out", min_side_px=4)


def test_split_with_no_readable_image_fails_whatever_is_allowed(coco, tmp_path):
    coco.add(b"no image", size=(4, 4))
    with pytest.raises(ValueError, match="1 of 1 images refused"):
        coco.pack(tmp_path / "out", max_bad_fraction=1.0)


def test_folder_in_use_is_refused(coco, picture, tmp_path):
    coco.add(picture(8, 8))
    coco.pack(tmp_path / "out")
    with pytest.raises(ValueError, match="is not empty"):
        coco.pack(tmp_path / "out")


@pytest.mark.parametrize(("option", "value"), [("max_bad_fraction", 1.5), ("shard_bytes", 0)])
def test_impossible_option_is_named(coco, picture, tmp_path, option, value):
    coco.add(picture(8, 8))
    with pytest.raises(ValueError, match=f"{option} is {value}"):
        coco.pack(tmp_path / "out", **{option: value})


def test_packing_is_deterministic_and_reports_progress(coco, picture, tmp_path):
    for i in range(9):
        coco.add(picture(16, 16, seed=i), [(0, 0, 4, 4)])
    seen = []
    coco.pack(tmp_path / "a", threads=1)
    coco.pack(tmp_path / "b", threads=4, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 9) for i in range(1, 10)]
    assert (tmp_path / "a" / "index.json").read_bytes() == (tmp_path / "b" / "index.json").read_bytes()


def test_large_image_and_damaged_metadata_are_no_warnings(coco, picture, tmp_path, recwarn):
    import cv2

    white = cv2.imencode(".png", np.full((9000, 10_000), 255, np.uint8))[1].tobytes()
    coco.add(white, size=(10_000, 9000))
    coco.add(picture(8, 8))
    assert coco.pack(tmp_path / "out", max_bad_fraction=0.5)["refused_by_reason"] == {"too many pixels": 1}
    assert not recwarn.list


def test_report_is_plain_json(coco, picture, tmp_path):
    coco.add(picture(8, 8), [(0, 0, 4, 4)])
    assert json.loads(json.dumps(coco.pack(tmp_path / "out"), allow_nan=False))["boxes"]["kept"] == 1


def test_looking_for_duplicates_does_not_change_what_is_packed(coco, picture, tmp_path):
    for seed in range(3):
        coco.add(picture(70, 64 + seed, seed), [(1, 2, 5, 5)])
    looked = []
    coco.pack(tmp_path / "plain")
    coco.pack(tmp_path / "looked", looked=looked)
    for file in sorted((tmp_path / "plain").iterdir()):
        assert file.read_bytes() == (tmp_path / "looked" / file.name).read_bytes()
    assert [image.file_name for image in looked] == ["10.png", "20.png", "30.png"]
