import onnx
import pytest

from lowres.export.digest import BLANK, KEY, check_digest
from lowres.export.onnx_file import add_metadata
from lowres.export.runtime import OnnxDetector


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_anywhere_but_in_the_digests_name_is_found(whole_image_file):
    path = whole_image_file()
    add_metadata(path, {"parity": "{}"})
    check_digest(path)
    content = path.read_bytes()
    name = content.index(KEY.encode())
    places = [place for place in range(len(content)) if not name <= place < name + len(KEY) + 2]
    assert len(places) > 500
    for place in places:
        flipped(path, place)
        with pytest.raises(
            ValueError, match=r"\.onnx: its sha256 is not the one in its metadata; .* make it anew \(or"
        ):
            check_digest(path)
        flipped(path, place)
    check_digest(path)


def test_a_damaged_file_is_not_loaded_without_a_record_beside_it(whole_image_file):
    path = whole_image_file()
    add_metadata(path, {"parity": "{}"})
    assert OnnxDetector(path, threads=1).metadata["parity"] == "{}"
    flipped(path, path.read_bytes().index(b"batch"))
    with pytest.raises(ValueError, match="its sha256 is not the one in its metadata"):
        OnnxDetector(path, threads=1)


def test_a_file_of_an_earlier_version_loads(whole_image_file):
    path = whole_image_file()
    assert KEY not in OnnxDetector(path, threads=1).metadata


def test_a_record_of_another_file_does_not_refuse_one_that_holds_its_own_digest(whole_image_file):
    path = whole_image_file()
    path.with_name(f"{path.name}.sha256").write_text("0" * 64 + "\n")
    with pytest.raises(ValueError, match=r"its sha256 is not the one in .*\.onnx\.sha256"):
        OnnxDetector(path, threads=1)  # it has no digest
    add_metadata(path, {"parity": "{}"})
    OnnxDetector(path, threads=1)


def test_a_file_that_was_changed_on_purpose_is_told_the_way_out(whole_image_file):
    path = whole_image_file()
    add_metadata(path, {"parity": "{}"})
    proto = onnx.load(str(path))
    proto.doc_string = "of another program"
    onnx.save(proto, str(path))
    with pytest.raises(ValueError, match=rf"changed it on purpose, remove {KEY} from its metadata"):
        OnnxDetector(path, threads=1)
    del proto.metadata_props[[entry.key for entry in proto.metadata_props].index(KEY)]
    onnx.save(proto, str(path))
    OnnxDetector(path, threads=1)


def test_metadata_that_are_added_later_are_in_the_digest(whole_image_file):
    path = whole_image_file()
    for values in ({"parity": "{}"}, {"parity": "none"}):
        add_metadata(path, values)
        check_digest(path)
    stored = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
    assert stored["parity"] == "none"
    assert stored[KEY] != BLANK
