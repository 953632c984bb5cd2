import warnings

from lowres.report.plots_doctor import class_balance


def test_class_names_in_any_script_are_drawn_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = class_balance({"train": {"交通灯": 3, "猫": 1}})
    assert drawn is not None
    assert "交通灯" in drawn
