import pytest
from tests.data.fuzz_images import fuzz, sound_files


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged metadata
def test_damaged_images_are_read_or_refused_in_one_line_and_doctor_and_prepare_agree():
    outcomes = fuzz(rounds=1100, seed=1)
    assert sum(outcomes.values()) == 1100
    assert {f"{name} refused" for name in sound_files()} <= outcomes.keys()
    formats = {name.split()[0] for name in sound_files()}
    assert {name.split()[0] for name in outcomes if name.endswith(" read")} == formats - {"GIF"}
