import struct
import threading

import pytest
from tests.data.doctor.corpus import Planted, encoded, picture

from lowres.data.doctor import image_pass
from lowres.data.doctor.image_pass import examine_images
from lowres.data.doctor.layouts import find_layout
from lowres.data.memory_budget import MemoryBudget


def test_a_fault_of_ours_is_not_told_as_one_of_the_image(tmp_path, monkeypatch):
    def ours(*_, **__):
        raise ValueError("ours")

    monkeypatch.setattr(image_pass, "inspect_image", ours)
    with pytest.raises(ValueError, match="ours"):
        examine_images(find_layout(Planted(tmp_path).write()), min_side_px=1, max_pixels=1e6)


@pytest.mark.parametrize(("needed", "together"), [(60, 1), (40, 2), (30, 3)])
def test_as_many_images_are_decoded_together_as_the_memory_allows(needed, together, tmp_path, monkeypatch):
    layout = find_layout(Planted(tmp_path).write())
    sizes = {len(content.read_bytes()) for content in tmp_path.rglob("*.png")}
    inside, most, lock, inspect = [0], [0], threading.Lock(), image_pass.inspect_image

    def counted(*args, **options):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        full.wait(0.3)
        if inside[0] >= together:
            full.set()
        facts = inspect(*args, **options)
        with lock:
            inside[0] -= 1
        return facts

    full = threading.Event()
    million = 1_000_000  # beside which these files, of a few kB, do not count
    assert max(sizes) < million / 100
    monkeypatch.setattr(image_pass, "MAX_DECODING_BYTES", 100 * million)
    monkeypatch.setattr(image_pass, "memory_to_decode", lambda head: needed * million)
    monkeypatch.setattr(image_pass, "inspect_image", counted)
    examine_images(layout, min_side_px=1, max_pixels=1e6, threads=8)
    assert most[0] == together


def tiff_with_its_header_behind(number):
    """As libtiff writes it: pixels of 100 kB, then the directory."""
    content = encoded(picture(number, 256, 144), "TIFF", compression=None)
    (start,) = struct.unpack_from("<I", content, 4)
    fields = struct.unpack_from("<H", content, start)[0]
    directory = content[start : start + 2 + 12 * fields + 4]
    return b"II*\0" + struct.pack("<I", len(content)) + content[8:] + directory


def test_small_files_whose_size_stands_at_their_end_need_not_be_alone(tmp_path, monkeypatch):
    data = Planted(tmp_path)
    for number in range(4):
        data.add(content=tiff_with_its_header_behind(number), name=f"{number}.tif", size=(256, 144))
    asked = []
    budget = MemoryBudget(10**9)
    monkeypatch.setattr(image_pass, "MemoryBudget", lambda total: budget)
    taken = budget.taken
    monkeypatch.setattr(budget, "taken", lambda wanted: (asked.append(wanted), taken(wanted))[1])
    facts = examine_images(find_layout(data.write()), min_side_px=1, max_pixels=1e6, threads=1)
    assert all(fact.whole for split in facts for fact in split)
    assert 10 * 256 * 144 < max(asked) < 20 * 256 * 144
