import json

import pytest
from tests.stages.small import small_params

from lowres.config.params import parse_params
from lowres.steps.sections import parse_sections, section_texts


@pytest.fixture
def values():
    return small_params()


def test_sections_that_travelled_as_text_are_those_of_the_file(values):
    whole, texts = parse_params(values), section_texts(values)
    names = [
        "task",
        "data",
        "data.input",
        "teacher",
        "downsampler",
        "baseline",
        "distill",
        "evaluate",
        "export",
        "report",
    ]
    assert sorted(texts) == sorted(names)
    expected = {name: getattr(whole, name) for name in names if name != "data.input"} | {"data.input": whole.data.input}
    assert parse_sections({name: texts[name] for name in names}) == [expected[name] for name in names]


def test_sections_come_in_the_order_asked_for(values):
    texts = section_texts(values)
    report, task = parse_sections({"report": texts["report"], "task": texts["task"]})
    assert (report.title, task) == (values["report"]["title"], "detection")


def test_data_needs_no_task(values):
    (data,) = parse_sections({"data": section_texts(values)["data"]})
    assert data.source.num_train == 12


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"task": "segmentation"}, "task: 'segmentation' is none of detection, classification"),
        ({"data": "{"}, "data: not JSON"),
        ({"task": "detection", "report": json.dumps({"title": "x", "num_examples": 0})}, "report.num_examples: Input"),
        ({"task": "detection", "report": json.dumps({"title": "x"})}, "report.num_examples: Field required"),
    ],
)
def test_a_section_that_does_not_fit_is_refused_by_name(sections, message):
    with pytest.raises(ValueError, match=message):
        parse_sections(sections)
