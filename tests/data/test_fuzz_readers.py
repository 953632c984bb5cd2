from tests.data.fuzz_readers import fuzz


def test_damaged_annotations_give_one_line_or_are_read(tmp_path):
    outcomes = fuzz(tmp_path, rounds=400, seed=1)
    assert sum(outcomes.values()) == 400
    files = {name.split()[0] for name in outcomes}
    assert len(files) == 8
    files -= {"yolo/labels/1.txt", "voc/Annotations/1.xml"}  # what is wrong there is left to packing
    assert {f"{file} refused" for file in files} <= outcomes.keys()
