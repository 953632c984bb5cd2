import cv2
import numpy as np
import pytest

from lowres.data.class_folders import ClassFolders, class_folder_splits
from lowres.data.images import decode_rgb
from lowres.data.pack import pack_split
from lowres.data.shards import ShardReader
from lowres.data.sources import Category, check_same_categories
from lowres.data.truth import class_names, load_truth


def encode(pixels, suffix=".png"):
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.fixture
def root(tmp_path, picture):
    """Two classes of one and two images, of three formats and sizes."""
    for name, content in {
        "ox/b.png": encode(picture(20, 10)),
        "cat/2.jpg": encode(picture(8, 12), ".jpg"),
        "cat/1.WEBP": encode(picture(6, 6), ".webp"),
    }.items():
        path = tmp_path / "set" / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "set"


def pack(source, folder, **options):
    return pack_split(source, folder, **({"shard_bytes": 1 << 20, "max_bad_fraction": 0, "min_side_px": 1} | options))


def test_images_arrive_by_class_and_name_with_their_own_bytes(root):
    source = ClassFolders(root, split="train")
    images = list(source)
    assert len(source) == 3
    assert [image.file_name for image in images] == ["cat/1.WEBP", "cat/2.jpg", "ox/b.png"]
    assert [image.image_id for image in images] == [1, 2, 3]
    assert [image.stated_wh_px for image in images] == [(6, 6), (8, 12), (20, 10)]
    assert [image.boxes_xyxy_px.tolist() for image in images] == [[[0, 0, 6, 6]], [[0, 0, 8, 12]], [[0, 0, 20, 10]]]
    assert [image.category_ids.tolist() for image in images] == [[0], [0], [1]]
    assert [image.area_px.tolist() for image in images] == [[36], [96], [200]]
    assert images[2].read() == (root / "train/ox/b.png").read_bytes()


def test_classes_are_sorted_by_name(root):
    (root / "train" / "bee").mkdir()
    (root / "train" / "bee" / "1.png").write_bytes((root / "train/ox/b.png").read_bytes())
    assert ClassFolders(root, split="train").categories == [Category(0, "bee"), Category(1, "cat"), Category(2, "ox")]


def test_packed_split_has_every_image_and_label(root, tmp_path):
    report = pack(ClassFolders(root, split="train"), tmp_path / "out")
    truth = load_truth(tmp_path / "out")
    assert (report["read"], report["boxes"]["kept"], report["boxes"]["clipped"]) == (3, 3, 0)
    assert [image.labels.tolist() for image in truth] == [[0], [0], [1]]
    assert truth[2].boxes_xyxy_px.tolist() == [[0, 0, 20, 10]]
    assert class_names(tmp_path / "out") == ["cat", "ox"]


def test_grey_image_becomes_rgb(root, tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    (root / "train/ox/a.png").write_bytes(encode(grey))
    pack(ClassFolders(root, split="train"), tmp_path / "out")
    assert (decode_rgb(ShardReader(tmp_path / "out")[2]) == grey[..., None]).all()


def test_file_that_is_no_image_is_refused_and_counted(root, tmp_path):
    (root / "train/ox/notes.txt").write_text("an ox")
    (root / "train/cat/cut.png").write_bytes(encode(np.zeros((9, 9), np.uint8))[:10])
    source = ClassFolders(root, split="train")
    report = pack(source, tmp_path / "out", max_bad_fraction=0.5)
    assert [entry["file"] for entry in report["refused"]] == ["cat/cut.png", "ox/notes.txt"]
    assert (report["images"], report["read"], report["boxes"]["kept"]) == (5, 3, 3)
    with pytest.raises(ValueError, match=r"2 of 5 images refused.* first: 'cat/cut\.png' not an image"):
        pack(source, tmp_path / "other")


def test_hidden_files_are_passed_over(root):
    (root / "train/ox/.DS_Store").write_bytes(b"x")
    (root / "train/.cache").mkdir()
    assert len(ClassFolders(root, split="train")) == 3


def test_split_that_lacks_a_class_is_refused(root):
    (root / "val/cat").mkdir(parents=True)
    (root / "val/cat/1.png").write_bytes((root / "train/ox/b.png").read_bytes())
    with pytest.raises(ValueError, match="id 1 'ox' is in 'train' but not in 'val'"):
        check_same_categories({split: ClassFolders(root, split=split) for split in ("train", "val")})


def test_a_root_without_folders_of_splits_is_train_and_its_folders_are_the_classes(root):
    splits = class_folder_splits(root / "train")
    assert list(splits) == ["train"]
    assert [image.file_name for image in splits["train"]] == ["cat/1.WEBP", "cat/2.jpg", "ox/b.png"]
    assert [category.name for category in splits["train"].categories] == ["cat", "ox"]


def test_a_root_has_the_splits_for_which_it_has_a_folder(root):
    assert {split: len(source) for split, source in class_folder_splits(root).items()} == {"train": 3}
    (root / "test/ox").mkdir(parents=True)
    (root / "test/ox/1.png").write_bytes((root / "train/ox/b.png").read_bytes())
    assert {split: len(source) for split, source in class_folder_splits(root).items()} == {"train": 3, "test": 1}


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train", "val"), r"train/1\.png: lies beside the class folders; move it"),
        (("train", "ox"), r"train/1\.png: lies beside the class folders; move it"),
        (("cat", "val"), "has a folder val, which is a split, but none called train; add it, or give the class val an"),
        (("train/cat", "valid/cat"), "set/valid: splits are called train, val and test; rename it val"),
        (("training/cat", "validation/cat"), "training/cat: is a folder inside a class folder; .* splits are called"),
    ],
)
def test_names_of_splits_are_no_classes_and_others_no_splits(tmp_path, picture, folders, message):
    for folder in folders:
        (tmp_path / "set" / folder).mkdir(parents=True)
        (tmp_path / "set" / folder / "1.png").write_bytes(encode(picture(4, 4)))
    with pytest.raises(ValueError, match=message) as caught:
        class_folder_splits(tmp_path / "set")
    assert "\n" not in str(caught.value)


def test_an_image_turned_by_exif_keeps_its_size_as_stored(root, tmp_path, turned):
    (root / "train/ox/b.png").write_bytes(turned())
    source = ClassFolders(root, split="train")
    assert list(source)[2].stated_wh_px == (20, 10)
    assert pack(source, tmp_path / "out")["boxes"]["clipped"] == 0
    truth = load_truth(tmp_path / "out")[2]
    assert (truth.width, truth.height, truth.boxes_xyxy_px.tolist()) == (20, 10, [[0, 0, 20, 10]])


def empty(root):
    (root / "train" / "bee").mkdir()
    (root / "train" / "bee" / ".gitkeep").touch()


@pytest.mark.parametrize(
    ("fault", "split", "message"),
    [
        (empty, "train", "train/bee: the class folder is empty; add its images, or remove the folder in every split"),
        (lambda root: None, "val", "set/val: no such folder; a split is a folder with one folder per class"),
        (lambda root: (root / "val").mkdir(), "val", "set/val: has no class folder"),
        (lambda root: (root / "train/cat/more").mkdir(), "train", "cat/more: is a folder inside a class folder"),
        (lambda root: (root / "train/1.png").touch(), "train", r"train/1\.png: lies beside the class folders; move it"),
    ],
)
def test_faulty_folder_is_one_clear_line(root, fault, split, message):
    fault(root)
    with pytest.raises(ValueError, match=message) as caught:
        ClassFolders(root, split=split)
    assert "\n" not in str(caught.value)
