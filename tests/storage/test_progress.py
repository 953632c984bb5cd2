from lowres.storage.progress import transfer_text, transferring


def test_speed_is_of_what_moved_and_the_time_left_follows_from_it():
    assert transfer_text(12_000_000, 36_000_000, 3.0) == "12.0/48.0 MB  4.0 MB/s  eta 9 s"
    assert transfer_text(0, 36_000_000, 3.0) == "0.0/36.0 MB  0.0 MB/s  eta -"
    assert transfer_text(48_000_000, 0, 12.0) == "48.0/48.0 MB  4.0 MB/s  12 s"


def test_without_a_terminal_lines_are_rare_and_the_end_has_one(capfd):
    with transferring("pull") as step:
        for moved in range(5):
            step(moved * 1_000_000, (4 - moved) * 1_000_000)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("pull  4.0/4.0 MB")
