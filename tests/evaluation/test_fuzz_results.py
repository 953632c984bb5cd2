from tests.evaluation.fuzz_results import fuzz


def test_damaged_results_and_lists_give_one_line_or_are_read(tmp_path):
    outcomes = fuzz(tmp_path, rounds=420, seed=1)
    assert sum(outcomes.values()) == 420
    files = {name.split()[0] for name in outcomes}
    assert len(files) == 7
    assert {f"{file} refused" for file in files} <= outcomes.keys()
    # damage that is only seen behind the checksum must get there
    assert {f"{file} read" for file in files - {"bucket/manifest.json"}} <= outcomes.keys()
