import pytest

from lowres.steps.failing import LAST_WORDS, one_line_errors


@pytest.fixture
def last_words(tmp_path, monkeypatch):
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setenv(LAST_WORDS, str(path))
    return path


@pytest.mark.parametrize("error", [ValueError("data.source.root:\n 'x' is gone"), FileNotFoundError("x is gone")])
def test_bad_input_is_one_line_code_2_and_the_pods_last_words(error, last_words, capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise error
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("is gone")
    assert last_words.read_text() == line + "\n"


def test_the_first_words_stay(last_words):
    last_words.write_text("error: the disk is full\n")
    with pytest.raises(SystemExit), one_line_errors():
        raise ValueError("connection closed by peer")
    assert last_words.read_text() == "error: the disk is full\n"


def test_our_own_bugs_keep_their_traceback(last_words):
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("x")
    assert last_words.read_text() == "error: KeyError: 'x'\n"


def test_a_signal_keeps_its_exit_code(last_words):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise SystemExit(143)
    assert ended.value.code == 143
    assert last_words.read_text() == ""


def test_where_nobody_reads_last_words_none_are_written(tmp_path, monkeypatch):
    monkeypatch.setenv(LAST_WORDS, str(tmp_path / "absent"))
    with pytest.raises(SystemExit), one_line_errors():
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []
