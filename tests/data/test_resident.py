import cv2
import numpy as np
import pytest
import torch

from lowres.data.class_folders import ClassFolders
from lowres.data.pack import pack_split
from lowres.data.resident import ResidentBatches, ResidentSplit, evaluation_batches, load_resident

SETTINGS = {"shard_bytes": 10**6, "max_bad_fraction": 0.0, "min_side_px": 1}


def numbered(count=10, side=4):
    """Image k is grey of value k, but for its columns, which are brighter from left to right."""
    pixels = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, side, side).clone()
    pixels += 10 * torch.arange(side, dtype=torch.uint8)
    return ResidentSplit(pixels, torch.arange(count) % 3, 100 + torch.arange(count), ["a", "b", "c"])


def first(count, **options):
    batches = ResidentBatches(split=numbered(), **{"batch_size": 4, "seed": 0, **options}).start(0)
    return [next(batches) for _ in range(count)]


def test_an_epoch_shows_every_image_once_and_goes_on_into_the_next():
    ids = torch.cat([batch.image_ids for batch in first(5)])
    assert sorted(ids[:10].tolist()) == sorted(ids[10:].tolist()) == list(range(100, 110))
    assert ids[:10].tolist() != ids[10:].tolist()


def test_a_batch_is_a_function_of_seed_and_index_alone():
    options = {"split": numbered(), "batch_size": 4, "pad_crop_px": 1, "flip_probability": 0.5}
    whole, late = ResidentBatches(seed=3, **options).start(0), ResidentBatches(seed=3, **options).start(2)
    batches = [next(whole) for _ in range(3)]
    assert torch.equal(batches[2].pixels, next(late).pixels)
    other = next(ResidentBatches(seed=4, **options).start(0))
    assert not torch.equal(batches[0].pixels, other.pixels)


def test_ranks_share_a_batch():
    options = {"pad_crop_px": 1, "flip_probability": 0.5}
    whole = first(1, **options)[0]
    parts = [first(1, rank=rank, world_size=2, **options)[0] for rank in range(2)]
    assert torch.equal(torch.cat([part.pixels for part in parts]), whole.pixels)
    assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
    with pytest.raises(ValueError, match="batch_size is 4; it must be a positive multiple of the 3 processes"):
        first(1, world_size=3)


def test_labels_follow_their_images():
    for batch in first(3):
        assert torch.equal(batch.labels, (batch.image_ids - 100) % 3)
        assert torch.equal((batch.pixels[:, 0, 0, 0] * 255).round().long(), batch.image_ids - 100)


def test_a_mirrored_image_is_mirrored_and_nothing_else():
    straight, mirrored = first(1)[0], first(1, flip_probability=1.0)[0]
    assert torch.equal(mirrored.pixels, straight.pixels.flip(3))


def test_a_crop_is_a_window_of_the_padded_image():
    split = numbered()
    seen = set()
    for batch in first(20, pad_crop_px=2):
        for pixels, image_id in zip(batch.pixels, batch.image_ids.tolist(), strict=True):
            padded = torch.nn.functional.pad(split.pixels[image_id - 100], (2, 2, 2, 2)).float() / 255
            windows = [
                (top, left)
                for top in range(5)
                for left in range(5)
                if torch.equal(padded[:, top : top + 4, left : left + 4], pixels)
            ]
            assert windows
            seen.add(windows[0])
    assert {top for top, _ in seen} == {left for _, left in seen} == set(range(5))


def test_evaluation_takes_every_image_in_order_without_augmentation():
    split = numbered()
    batches = list(evaluation_batches(split, batch_size=4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([batch.image_ids for batch in batches]), split.image_ids)
    assert torch.equal((torch.cat([batch.pixels for batch in batches]) * 255).round().to(torch.uint8), split.pixels)
    assert batches[0].mask.shape == (4, 4, 4)
    assert batches[0].mask.all()


def write_images(root, side):
    for name, value in (("bee", 40), ("ant", 200)):
        folder = root / "train" / name
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "one.png"), np.full((side, side + 2, 3), value, np.uint8))


def test_a_prepared_split_comes_back_at_the_size_asked_for(tmp_path):
    write_images(tmp_path, 8)
    pack_split(ClassFolders(tmp_path, split="train"), tmp_path / "packed", **SETTINGS)
    split = load_resident(tmp_path / "packed", side_px=4)
    assert split.pixels.shape == (2, 3, 4, 4)
    assert split.class_names == ["ant", "bee"]
    assert split.labels.tolist() == [0, 1]
    assert split.pixels[0].unique().tolist() == [200]


def test_images_are_turned_as_a_viewer_turns_them(tmp_path, picture, turned):
    write_images(tmp_path, 8)
    (tmp_path / "train/ant/one.png").write_bytes(turned(picture(8, 8)))
    pack_split(ClassFolders(tmp_path, split="train"), tmp_path / "packed", **SETTINGS)
    ant = load_resident(tmp_path / "packed", side_px=8).pixels[0]
    assert np.array_equal(ant.permute(1, 2, 0).numpy(), np.rot90(picture(8, 8), -1))


def test_a_detection_split_is_refused_by_the_image_that_is_no_single_object(tmp_path, coco, picture):
    coco.add(picture(8, 8), [(0, 0, 4, 4), (2, 2, 4, 4)])
    coco.pack(tmp_path / "packed")
    with pytest.raises(ValueError, match="image 10 has 2 objects; a classifier learns from images of one class each"):
        load_resident(tmp_path / "packed", side_px=8)
