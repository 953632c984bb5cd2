import numpy as np
import pytest

from lowres.data import windows
from lowres.data.images import decode_rgb
from lowres.data.pack import pack_split
from lowres.data.tiles import Tiles, starts

OPTIONS = {"tile_px": 10, "overlap_px": 2, "min_visibility": 0.5, "empty_fraction": 1.0, "jpeg_quality": None}


def tiles(source, **changes):
    return Tiles(source, **(OPTIONS | changes))


@pytest.mark.parametrize(
    ("side", "tile", "overlap", "want"),
    [(10, 10, 2, [0]), (7, 10, 2, [0]), (18, 10, 2, [0, 8]), (19, 10, 2, [0, 4, 9]), (2048, 1024, 0, [0, 1024])],
)
def test_tiles_are_as_few_as_cover_a_side(side, tile, overlap, want):
    assert starts(side, tile_px=tile, overlap_px=overlap) == want


def test_neighbours_overlap_enough_for_any_size():
    for side in range(1, 200):
        for tile, overlap in ((10, 0), (10, 9), (33, 7)):
            places = starts(side, tile_px=tile, overlap_px=overlap)
            assert places[-1] == max(0, side - tile)
            assert all(0 < gap <= tile - overlap for gap in np.diff(places))


def test_boxes_are_cut_to_their_tiles(coco, picture):
    # 18 x 10 gives tiles from 0 and from 8; the first box is in both, the second reaches 1 of 4 px into the first.
    coco.add(picture(18, 10), [(8, 1, 2, 2), (9, 4, 4, 2)], area=2.0, iscrowd=1)
    first, second = tiles(coco.source())
    assert (first.file_name, second.file_name) == ("10-x0-y0.png", "10-x8-y0.png")
    assert (first.image_id, second.image_id, second.stated_wh_px) == (1, 2, (10, 10))
    assert first.boxes_xyxy_px.tolist() == [[8, 1, 10, 3]]
    assert second.boxes_xyxy_px.tolist() == [[0, 1, 2, 3], [1, 4, 5, 6]]
    assert second.iscrowd.tolist() == [True, True]


def test_cut_box_keeps_its_share_of_the_area(coco, picture):
    coco.add(picture(18, 10), [(7, 0, 4, 4)], area=8.0)
    first, second = tiles(coco.source())
    assert first.boxes_xyxy_px.tolist() == [[7, 0, 10, 4]]
    assert (first.area_px.tolist(), second.area_px.tolist()) == ([6.0], [6.0])


def test_what_tiles_do_not_show_is_counted(coco, picture):
    coco.add(picture(18, 10), [(9, 4, 4, 2), (1, 1, 16, 2), (3, 3, 0, 2), (40, 1, 2, 2)])
    source = tiles(coco.source(), min_visibility=0.7)
    assert source.remarks() == {
        "objects left out of a tile that shows too little of them": 3,
        "objects that no tile shows enough of": 1,
    }


def test_faulty_boxes_are_faults_of_the_first_tile(coco, picture):
    coco.add(picture(18, 10), [(1, 1, 2, 2)])
    coco.add(picture(18, 10), [(3, 3, 0, 2), (40, 1, 2, 2), (1, 1, 2, 2)])
    coco.document["annotations"][3]["category_id"] = 99
    first, *others = tiles(coco.source())
    assert [fault[:2] for fault in first.faults] == [
        ("annotations[3]", "unknown category"),
        ("20.png", "side not positive"),
        ("20.png", "outside the image"),
    ]
    assert not any(tile.faults for tile in others)


def test_pixels_are_those_of_the_window(coco, picture):
    pixels = picture(23, 17)
    coco.add(pixels)
    got = [decode_rgb(image.read()) for image in tiles(coco.source())]
    corners = [(0, 0), (0, 6), (0, 13), (7, 0), (7, 6), (7, 13)]
    assert len(got) == 6
    for image, (top, left) in zip(got, corners):
        np.testing.assert_array_equal(image, pixels[top : top + 10, left : left + 10])


def test_jpeg_tiles_are_smaller_and_close(coco):
    ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8)[:, None, None], (1, 120, 3))
    coco.add(ramp)
    (tile,) = tiles(coco.source(), tile_px=200, jpeg_quality=95)
    assert tile.file_name.endswith(".jpg")
    assert np.abs(decode_rgb(tile.read()).astype(int) - ramp).max() < 6


def test_nothing_is_decoded_until_read_and_then_once_per_image(coco, picture, monkeypatch):
    coco.add(picture(30, 30))
    decoded = []
    original = windows.decode_rgb
    monkeypatch.setattr(windows, "decode_rgb", lambda encoded: decoded.append(1) or original(encoded))
    images = list(tiles(coco.source()))
    assert decoded == []
    for image in images:
        image.read()
    assert decoded == [1]


def test_share_of_empty_tiles_is_the_same_every_time(coco, picture):
    coco.add(picture(200, 200), [(0, 0, 2, 2)])
    source = tiles(coco.source(), empty_fraction=0.25)
    kept = [image.file_name for image in source]
    assert kept == [image.file_name for image in tiles(coco.source(), empty_fraction=0.25)]
    assert 0.15 < len(kept) / 625 < 0.35
    assert len(source) == len(kept) == 625 - source.remarks()["tiles without objects, left out"]
    assert len(list(tiles(coco.source(), empty_fraction=0.0))) == 1


@pytest.mark.parametrize("size", [(3, 3), ("wide", -4), (10**9, 10**9)])
def test_image_that_is_not_what_it_says_is_refused_by_packing(coco, picture, tmp_path, size):
    coco.add(picture(12, 12), [(0, 0, 2, 2)])
    coco.add(picture(12, 12), size=size)
    coco.add(b"no image")
    source = tiles(coco.source(), tile_px=20)
    report = pack_split(source, tmp_path / "out", shard_bytes=1 << 20, max_bad_fraction=1, min_side_px=1)
    assert (report["read"], len(report["refused"])) == (1, 2)


def with_missing_images(coco, picture):
    """Seven images of 9 tiles each, and three that are not there, of a size that nobody states; two objects in each."""
    for number in range(10):
        coco.add(picture(26, 26, seed=number), [(1, 1, 4, 4), (12, 12, 4, 4)])
    for number in (2, 5, 9):
        (coco.images / f"{10 * number}.png").unlink()
        del coco.document["images"][number - 1]["width"]
    return coco.source()


def test_missing_images_count_as_whole_ones_however_many_tiles_the_others_give(coco, picture, tmp_path):
    source = tiles(with_missing_images(coco, picture))
    assert len(source) == len(list(source)) == 7 * 9 + 3
    options = {"shard_bytes": 1 << 20, "min_side_px": 1}
    report = pack_split(source, tmp_path / "allowed", max_bad_fraction=0.3, **options)
    assert (report["read"], [refusal["file"] for refusal in report["refused"]]) == (63, ["20.png", "50.png", "90.png"])
    assert report["boxes"]["of_refused_images"] == 6
    with pytest.raises(ValueError, match=r"^tiles of .*: 3 of 10 images refused, .* first: '20\.png' cannot be read"):
        pack_split(source, tmp_path / "refused", max_bad_fraction=0.29, **options)


def test_an_image_of_unknown_size_without_objects_is_left_out_as_empty_tiles_are(coco, picture):
    coco.add(picture(12, 12), [(0, 0, 2, 2)])
    for _ in range(2):
        coco.add(b"no image")
    source = tiles(coco.source(), tile_px=20, empty_fraction=0.0)
    assert [image.file_name for image in source] == ["10-x0-y0.png"]
    assert (len(source), source.remarks()) == (1, {"tiles without objects, left out": 2})
    assert len(tiles(coco.source(), tile_px=20)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overlap_px": 10}, "tile_px is 10, overlap_px 10; give 0 <= overlap_px < tile_px"),
        ({"min_visibility": 1.5}, r"min_visibility is 1\.5"),
        ({"empty_fraction": -1}, "empty_fraction is -1"),
    ],
)
def test_number_out_of_range_is_refused(coco, picture, change, message):
    coco.add(picture(12, 12))
    with pytest.raises(ValueError, match=message):
        tiles(coco.source(), **change)
