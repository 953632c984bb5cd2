"""A sound COCO data set in a folder, and everything that can be planted in it: one function per fault.

Each planter changes the set and says which kind of finding must name which place.
"""

import io
import json
import math
import os
import struct
import tarfile
import zlib

import cv2
import numpy as np
from PIL import Image
from tests.data.hostile_tars import HEADERS
from tests.data.odd_images import (
    NEXT_DIRECTORY,
    STRIP_OFFSETS,
    big_tiff_pointing_beyond,
    cut_in_second_directory,
    png_chunk,
    png_claiming_chunk,
    tiff_with_tile,
)

from lowres.data.image_archives import MAX_FILE_BYTES

WIDTH, HEIGHT = 64, 48


def picture(seed, width=WIDTH, height=HEIGHT):
    """A smooth picture unlike that of any other seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(pixels, kind="PNG", **options):
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


class Planted:
    """Splits train (6 images) and val (4), classes cat and dog, each image with two objects."""

    def __init__(self, root):
        self.root = root
        self.documents = {}
        self.seed = 0
        for split, number in (("train", 6), ("val", 4)):
            (root / "images" / split).mkdir(parents=True)
            categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
            self.documents[split] = {"images": [], "annotations": [], "categories": categories}
            for _ in range(number):
                self.add(split)
        (root / "annotations").mkdir()

    def add(self, split="train", content=None, name=None, size=(WIDTH, HEIGHT), objects=2):
        """A sound image, or `content` under a name; returns its entry."""
        self.seed += 1
        document = self.documents[split]
        image_id = len(document["images"]) + 1
        name = name or f"{split}{image_id}.png"
        (self.root / "images" / split / name).write_bytes(encoded(picture(self.seed)) if content is None else content)
        entry = {"id": image_id, "file_name": name, "width": size[0], "height": size[1]}
        document["images"].append(entry)
        for number in range(objects):
            self.box(split, image_id, [4 + 10 * number, 5, 20, 20], 1 + number % 2)
        return entry

    def box(self, split, image_id, bbox, category_id=1, **extra):
        objects = self.documents[split]["annotations"]
        entry = {"id": len(objects) + 1, "image_id": image_id, "category_id": category_id, "bbox": bbox}
        objects.append(entry | {"area": 300.0, "iscrowd": 0} | extra)
        return objects[-1]

    def write(self):
        for split, document in self.documents.items():
            path = self.root / "annotations" / f"instances_{split}.json"
            if not path.exists():
                path.write_text(json.dumps(document))
        return self.root


def png_claiming(width, height, bits=8, colour=2, body=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(body, 9))
        + png_chunk(b"IEND", b"")
    )


def rotated(orientation=6, kind="JPEG"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(900 + orientation), kind, exif=exif)


def sixteen_bit_rgb():
    return cv2.imencode(".png", picture(801).astype(np.uint16) * 257)[1].tobytes()


def palette_with_transparency():
    return encoded(Image.fromarray(picture(802)).convert("P"), "PNG", transparency=3)


def two_pages():
    return encoded(picture(803), "TIFF", save_all=True, append_images=[Image.fromarray(picture(804))])


def big_tiff():
    return encoded(picture(816), "TIFF", big_tiff=True)


def broken_png():
    whole = bytearray(encoded(picture(805)))
    whole[len(whole) // 2] ^= 0xFF
    return bytes(whole)


def jpeg(seed, **options):
    return encoded(picture(seed), "JPEG", quality=90, **options)


CONTENTS = {
    "empty file": ("not_an_image", "x.jpg", lambda: b""),
    "text": ("not_an_image", "x.jpg", lambda: b"<html>404 not found</html>"),
    "gif": ("not_an_image", "x.gif", lambda: encoded(picture(806), "GIF")),
    "half a jpeg": ("truncated", "x.jpg", lambda: jpeg(807)[: len(jpeg(807)) // 2]),
    "half a png": ("truncated", "x.png", lambda: encoded(picture(808))[:2000]),
    "flipped byte in a png": ("truncated", "x.png", broken_png),
    "png that claims 3.6 gigapixels": ("too_many_pixels", "x.png", lambda: png_claiming(60000, 60000)),
    "png bomb that decodes": (
        "too_many_pixels", "x.png", lambda: png_claiming(9000, 9000, bits=1, colour=0, body=bytes(9000 * 1126)),
    ),
    "cmyk": ("cmyk", "x.jpg", lambda: encoded(Image.fromarray(picture(809)).convert("CMYK"), "JPEG")),
    "16-bit grey": ("sixteen_bits", "x.png", lambda: encoded(picture(810)[..., 0].astype(np.uint16) * 257)),
    "16-bit colour": ("sixteen_bits", "x.png", sixteen_bit_rgb),
    "alpha": ("alpha", "x.png", lambda: encoded(np.dstack([picture(811), picture(812)[..., 0]]))),
    "palette with transparency": ("alpha", "x.png", palette_with_transparency),
    "exif rotation": ("exif_rotated", "x.jpg", lambda: rotated(6)),
    "exif rotation in a png": ("exif_rotated", "x.png", lambda: rotated(3, "PNG")),
    "two pages": ("several_pictures", "x.tif", two_pages),
    "two pages, cut in the second": ("several_pictures", "x.tif", lambda: cut_in_second_directory(two_pages())),
    "second page beyond any file": (
        "several_pictures", "x.tif", lambda: big_tiff_pointing_beyond(big_tiff(), NEXT_DIRECTORY),
    ),
    "pixels beyond any file": ("truncated", "x.tif", lambda: big_tiff_pointing_beyond(big_tiff(), STRIP_OFFSETS)),
    "png whose chunk claims 2 GB": ("truncated", "x.png", lambda: png_claiming_chunk(encoded(picture(817)), 2**31 - 1)),
    "tiff of 64 px in a tile of 300 megapixels": ("too_much_memory", "x.tif", lambda: tiff_with_tile(64, 64, 17400)),
    "suffix of another format": ("wrong_suffix", "x.jpg", lambda: encoded(picture(813))),
}  # fmt: skip


def of_content(kind, name, make):
    def plant(data):
        data.add(content=make(), name=name)
        return kind, name

    return plant


def wrong_size(data):
    data.add(size=(80, 60), name="resized.png")
    return "size_differs", "resized.png"


def tiny_image(data):
    data.add(content=encoded(picture(815, 40, 31)), size=(40, 31), name="tiny.png", objects=0)
    return "small_image", "tiny.png"


def swapped_size(data):
    data.add(size=(HEIGHT, WIDTH), name="swapped.png")
    return "size_differs", "swapped.png"


def boxes_drawn_on_the_turned_picture(data):
    data.add(content=rotated(8), size=(HEIGHT, WIDTH), name="turned.jpg")
    return "size_differs", "turned.jpg"


def missing_file(data):
    data.add(name="gone.png")
    (data.root / "images/train/gone.png").unlink()
    return "missing_image", "gone.png"


def file_too_large(data):
    data.add(name="huge.png")
    os.truncate(data.root / "images/train/huge.png", MAX_FILE_BYTES + 1)
    return "file_too_large", "huge.png"


def folder_in_place_of_file(data):
    data.add(name="folder.png")
    (data.root / "images/train/folder.png").unlink()
    (data.root / "images/train/folder.png").mkdir()
    return "missing_image", "folder.png"


def unlisted_file(data):
    (data.root / "images/train/extra.png").write_bytes(encoded(picture(814)))
    return "unlisted_image", "extra.png"


def of_entry(kind, objects=2, **changes):
    def plant(data):
        entry = data.add(objects=objects)
        for key, value in changes.items():
            entry.pop(key)
            if value is not None:
                entry[key] = value
        by_position = kind in ("no_file_name", "bad_image_id", "no_image_id")
        return kind, "images[6]" if by_position else str(entry["file_name"])

    return plant


def listed_twice(data):
    entry = data.add(name="twice.png")
    data.documents["train"]["images"].append(entry | {"id": 77})
    return "repeated_file_name", "twice.png (id 77)"


def of_box(kind, bbox=(1, 2, 10, 10), **changes):
    def plant(data):
        entry = data.box("train", 2, list(bbox) if isinstance(bbox, tuple) else bbox)
        for key, value in changes.items():
            entry.pop(key)
            if value is not None:
                entry[key] = value
        return kind, "annotations[12]"

    return plant


def annotated_twice(data):
    data.box("train", 2, [1, 2, 10, 10])
    data.box("train", 2, [1, 2, 10, 10])
    return "repeated_box", "annotations[13]"


def annotation_is_a_list(data):
    data.documents["train"]["annotations"].append([1, 2, 3])
    return "odd_entry", "annotations[12]"


def of_category(kind, place, **entry):
    def plant(data):
        for document in data.documents.values():
            document["categories"] = [*document["categories"], entry]
        return kind, place

    return plant


def class_only_in_val(data):
    of_category("", "", id=9, name="owl")(data)
    data.box("val", 1, [30, 20, 9, 9], 9, area=81.0)
    return "class_not_in_train", "owl"


def class_absent_from_val(data):
    of_category("", "", id=9, name="owl")(data)
    data.box("train", 1, [30, 20, 9, 9], 9, area=81.0)
    return "class_absent", "owl"


def other_categories_in_val(data):
    data.documents["val"]["categories"] = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return "categories_differ", "instances_val.json"


def copy_in(split, kind, change=lambda content: content, name="copy.png"):
    def plant(data):
        content = (data.root / "images/val/val1.png").read_bytes()
        if split == "val":
            data.add("val", content=change(content), name=name)
        else:
            data.add("train", content=change(content), name=name)
        return kind, name

    return plant


def brighter_and_recompressed(content):
    pixels = np.asarray(Image.open(io.BytesIO(content))).astype(float)
    return encoded(np.clip(pixels * 0.9 + 12, 0, 255).astype(np.uint8), "JPEG", quality=60)


def same_pixels_in_other_bytes(content):
    return encoded(np.asarray(Image.open(io.BytesIO(content))), "BMP")


def of_text(kind, text):
    def plant(data):
        (data.root / "annotations/instances_train.json").write_text(text)
        return kind, ""

    return plant


def of_section(kind, key, value):
    def plant(data):
        if value is None:
            del data.documents["train"][key]
        else:
            data.documents["train"][key] = value
        return kind, f"'{key}'"

    return plant


def of_archive(kind, place, change=None, damage=None, mode="w"):
    """The images of train as a tar, with something odd in it."""

    def plant(data):
        folder, path = data.root / "images/train", data.root / "images/train.tar"
        with tarfile.open(path, mode) as tar:
            for file in sorted(folder.iterdir()):
                tar.add(file, f"train/{file.name}")
                file.unlink()
            for name, options in change or ():
                member = tarfile.TarInfo(name)
                for key, value in options.items():
                    setattr(member, key, value)
                tar.addfile(member, io.BytesIO(b"x" * member.size))
        folder.rmdir()
        if damage:
            path.write_bytes(damage(path.read_bytes()))
        return kind, place

    return plant


BOXES = {
    "nan": of_box("box_not_finite", (1, math.nan, 3, 4)),
    "infinity": of_box("box_not_finite", (1, 2, math.inf, 4)),
    "number beyond a float": of_box("box_not_finite", (10**400, 2, 3, 4)),
    "negative width": of_box("box_negative", (20, 20, -5, 9)),
    "zero height": of_box("box_empty", (20, 20, 5, 0)),
    "outside": of_box("box_outside", (200, 20, 5, 5)),
    "out of frame": of_box("box_out_of_frame", (60, 20, 15, 15)),
    "negative corner": of_box("box_out_of_frame", (-3, 20, 15, 15)),
    "no bbox": of_box("no_box", bbox=None),
    "three numbers": of_box("no_box", (1, 2, 3)),
    "numbers as text": of_box("no_box", ("1", "2", "3", "4")),
    "corners by name": of_box("no_box", {"x": 1}),
    "annotation id 0": of_box("annotation_id_zero", id=0),
    "annotation id again": of_box("repeated_annotation_id", id=3),
    "annotation id as text": of_box("bad_annotation_id", id="12"),
    "annotation without id": of_box("bad_annotation_id", id=None),
    "unknown category": of_box("unknown_category", category_id=99),
    "category by name": of_box("unknown_category", category_id="cat"),
    "no category": of_box("unknown_category", category_id=None),
    "unknown image": of_box("unknown_image", image_id=4711),
    "no image": of_box("unknown_image", image_id=None),
    "no area": of_box("bad_area", area=None),
    "negative area": of_box("bad_area", area=-4.0),
    "area above the box": of_box("bad_area", area=900.0),
    "no iscrowd": of_box("bad_iscrowd", iscrowd=None),
    "iscrowd 2": of_box("bad_iscrowd", iscrowd=2),
    "annotated twice": annotated_twice,
    "list for an annotation": annotation_is_a_list,
}

IMAGES = {name: of_content(*fault) for name, fault in CONTENTS.items()} | {
    "another size": wrong_size,
    "swapped size": swapped_size,
    "boxes on the turned picture": boxes_drawn_on_the_turned_picture,
    "31 px high": tiny_image,
    "missing file": missing_file,
    "folder for a file": folder_in_place_of_file,
    "file over 100 MB": file_too_large,
    "unlisted file": unlisted_file,
    "no width": of_entry("no_stated_size", width=None),
    "width 0": of_entry("bad_stated_size", width=0),
    "width as text": of_entry("bad_stated_size", width="64"),
    "no file name": of_entry("no_file_name", file_name=None),
    "name with ..": of_entry("escaping_file_name", file_name="../val/val1.png"),
    "absolute name": of_entry("escaping_file_name", file_name="/etc/hostname"),
    "listed twice": listed_twice,
    "image id again": of_entry("repeated_image_id", id=1),
    "no image id": of_entry("no_image_id", id=None),
    "image id as text": of_entry("bad_image_id", id="seven"),
    "no objects": of_entry("no_objects", objects=0),
}

COPIES = {
    "same file in train and val": copy_in("train", "duplicate_across"),
    "same pixels as bmp": copy_in("train", "duplicate_across", same_pixels_in_other_bytes, "copy.bmp"),
    "same file twice in val": copy_in("val", "duplicate_within"),
    "recompressed in train": copy_in("train", "near_duplicate_across", brighter_and_recompressed, "copy.jpg"),
    "recompressed in val": copy_in("val", "near_duplicate_within", brighter_and_recompressed, "copy.jpg"),
}

CATEGORIES = {
    "category id again": of_category("repeated_category_id", "categories[2]", id=1, name="owl"),
    "category name again": of_category("repeated_category_name", "categories[2]", id=3, name="cat"),
    "category without name": of_category("bad_category_name", "categories[2]", id=3),
    "category id 1.5": of_category("bad_category_id", "categories[2]", id=1.5, name="owl"),
    "unused category": of_category("class_unused", "owl", id=3, name="owl"),
    "class in val alone": class_only_in_val,
    "class absent from val": class_absent_from_val,
    "other ids in val": other_categories_in_val,
}

FILES = {
    "cut json": of_text("unreadable_annotations", '{"images": ['),
    "json list": of_text("unreadable_annotations", "[1, 2]"),
    "empty json": of_text("unreadable_annotations", ""),
    "deep json": of_text("unreadable_annotations", "[" * 100_000),
    "no annotations": of_section("missing_section", "annotations", None),
    "images as object": of_section("missing_section", "images", {}),
    "no images": of_section("no_images_listed", "images", []),
    "no categories": of_section("no_categories", "categories", []),
}

ARCHIVES = {
    "tar member with ..": of_archive("archive_escape", "../evil.png", [("../evil.png", {"size": 3})]),
    "absolute tar member": of_archive("archive_escape", "/tmp/evil.png", [("/tmp/evil.png", {"size": 3})]),
    "tar with symbolic link": of_archive(
        "archive_odd_member",
        "train/link.png",
        [("train/link.png", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})],
    ),
    "tar with hard link": of_archive(
        "archive_odd_member", "train/hard.png", [("train/hard.png", {"type": tarfile.LNKTYPE, "linkname": "x"})]
    ),
    "tar with device": of_archive("archive_odd_member", "train/dev", [("train/dev", {"type": tarfile.CHRTYPE})]),
    "tar with pipe": of_archive("archive_odd_member", "train/pipe", [("train/pipe", {"type": tarfile.FIFOTYPE})]),
    "tar with two of a name": of_archive(
        "archive_repeated_member", "train/a.txt", [("train/a.txt", {"size": 3}), ("train/a.txt", {"size": 4})]
    ),
    "tar with case clash": of_archive(
        "archive_case_clash", "train/A.txt", [("train/a.txt", {"size": 3}), ("train/A.txt", {"size": 4})]
    ),
    "compressed tar": of_archive("unreadable_archive", "train.tar", mode="w:gz"),
    "tar that is none": of_archive("unreadable_archive", "train.tar", damage=lambda content: b"x" * 2000),
    "tar cut in the first image": of_archive("unreadable_archive", "train.tar", damage=lambda content: content[:1500]),
    "tar with a negative size": of_archive(
        "unreadable_archive", "train.tar", damage=lambda content: HEADERS["negative size"][0]
    ),
}

FAULTS = BOXES | IMAGES | COPIES | CATEGORIES | FILES | ARCHIVES
