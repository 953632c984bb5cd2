import multiprocessing
import pickle

import numpy as np
import pytest

from lowres.data.shards import ShardReader, ShardWriter
from lowres.data.truth import load_truth


@pytest.mark.parametrize("where", [0, 700, -1])
def test_flipped_bit_in_a_shard_is_detected_and_the_shard_is_named(packed, where):
    ShardReader(packed)
    path = packed / "shard-00001.tar"
    data = bytearray(path.read_bytes())
    data[where] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"shard-00001\.tar: shard is damaged, sha256 .* instead of .*; restore it"):
        ShardReader(packed)
    ShardReader(packed, verify=False)


@pytest.mark.parametrize("name", ["index.json", "annotations.json"])
def test_flipped_bit_in_the_index_or_annotations_is_detected(packed, name):
    path = packed / name
    data = bytearray(path.read_bytes())
    for place in np.linspace(0, len(data) - 1, 40).astype(int):
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(ValueError, match=name):
            load_truth(packed)
        data[place] ^= 1
    path.write_bytes(data)
    load_truth(packed)


def test_cut_or_missing_shard_is_detected_even_unverified(packed):
    path = packed / "shard-00000.tar"
    path.write_bytes(path.read_bytes()[:-512])
    with pytest.raises(ValueError, match=r"shard-00000\.tar: shard has \d+ bytes, the index says"):
        ShardReader(packed, verify=False)
    path.unlink()
    with pytest.raises(ValueError, match=r"shard-00000\.tar: shard is missing"):
        ShardReader(packed, verify=False)


def test_folder_that_is_not_prepared_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"index\.json: no such file; the split is not prepared"):
        ShardReader(tmp_path)


def read_all(reader):
    return [bytes(reader[i]) for i in range(len(reader))]


def test_reader_in_use_can_be_forked_and_pickled(packed):
    reader = ShardReader(packed)
    expected = read_all(reader)
    assert read_all(pickle.loads(pickle.dumps(reader))) == expected
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(read_all, [reader]) == expected


def test_image_larger_than_a_shard_gets_one_of_its_own(tmp_path):
    images = [bytes([i]) * size for i, size in enumerate([100, 5000, 100, 100])]
    with ShardWriter(tmp_path, shard_bytes=2048) as writer:
        for i, data in enumerate(images):
            writer.add(data, image_id=i, file_name=f"{i}", suffix=".bin", width=1, height=1)
        writer.finish("")
    assert [image["shard"] for image in writer.images] == [0, 1, 2, 2]
    assert read_all(ShardReader(tmp_path)) == images


def test_interrupted_writing_leaves_no_partial_shard(tmp_path):
    def fail_halfway():
        with ShardWriter(tmp_path, shard_bytes=2048) as writer:
            writer.add(b"x" * 100, image_id=1, file_name="1", suffix=".bin", width=1, height=1)
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []
