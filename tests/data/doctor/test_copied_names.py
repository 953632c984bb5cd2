import pytest

from lowres.data.doctor.copied_names import CopiedNames, split_names


def taken(*keys, suffix=".png"):
    names = CopiedNames()
    return [names.take(key, suffix, number) for number, key in enumerate(keys, start=1)]


def test_a_name_stays_and_gets_the_suffix_of_its_format():
    assert taken("a/1.png", "2.PNG", "b.jpg", "c") == ["a/1.png", "2.PNG", "b.png", "c.png"]
    assert taken("1.jpeg", "2.JPG", suffix=".jpg") == ["1.jpeg", "2.JPG"]


def test_the_id_goes_before_a_name_that_another_has_in_upper_or_lower_case():
    assert taken("1.png", "1.jpg", "1.PNG", "a/1.png", "A/1.png") == [
        "1.png",
        "2-1.png",
        "3-1.PNG",
        "a/1.png",
        "5-A/1.png",
    ]


def test_a_name_with_an_id_before_it_that_another_has_is_not_taken_either():
    assert taken("2-1.png", "1.png", "1.jpg") == ["2-1.png", "1.png", "3-1.png"]
    assert taken("3-1.png", "1.png", "1.jpg", "3-1.jpg") == ["3-1.png", "1.png", "3-2-1.png", "4-3-1.png"]


def test_a_file_is_no_folder_of_another():
    assert taken("a.jpg", "a.png/b.png", "c.png/d.png", "c.jpg") == ["a.png", "2-a.png/b.png", "c.png/d.png", "4-c.png"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (r"a\..\..\..\x.png", "a/x.png"),
        (r"\x.png", "x.png"),
        (r"..\..", "1.png"),
        ("../x.png", "x.png"),
        ("/etc/x.png", "etc/x.png"),
        (r"train\1.png", "train/1.png"),
    ],
)
def test_no_name_leads_out_of_the_copy(key, name):
    assert taken(key) == [name]


def test_splits_of_one_name_get_folders_of_their_own():
    assert split_names(["train", "Train", "val", "train", "", "..", r"a\..\b"]) == [
        "train", "Train-2", "val", "train-3", "split", "split-2", "a-b",
    ]  # fmt: skip
