import copy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lowres.config.params import fingerprint, json_schema, load_params, parse_params
from lowres.models.classifiers import build_classifier

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
DFD_OF_THE_PAPER = [path for path in PRESETS if path.stem.startswith(("dfd-cifar10-", "dfd-svhn-"))]


@pytest.fixture
def values():
    return YAML(typ="safe").load((ROOT / "presets/thumbdet-demo.yaml").read_text())


def changed(values, key, value):
    values = copy.deepcopy(values)
    *path, last = key.split(".")
    node = values
    for part in path:
        node = node[part]
    node[last] = value
    return values


def test_there_are_presets():
    names = {path.stem for path in PRESETS}
    assert {
        "thumbdet-demo",
        "thumbdet-demo-deformable",
        "thumbdet-coco-4x",
        "thumbdet-coco-2x",
        "thumbdet-coco-rtdetrv2-4x",
        "thumbdet-bccd",
        "thumbdet-coco-mini",
    } <= names


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_parses_and_says_what_it_is(path):
    load_params(path)
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("teacher.train.steps", "5"),
        ("teacher.train.steps", True),
        ("teacher.train.optimiser.lr", "1e-3"),
        ("teacher.train.channels_last", "yes"),
        ("baseline.train", 1),
    ],
)
def test_a_value_of_another_type_is_not_bent_into_shape(values, key, value):
    with pytest.raises(ValueError, match=f"{key}: Input should be a valid .*got "):
        parse_params(changed(values, key, value))


def test_presets_of_dfds_paper_pretrain_the_student_on_thumbnails():
    assert len(DFD_OF_THE_PAPER) == 12
    assert {load_params(path).distill.pretrain_fraction for path in DFD_OF_THE_PAPER} == {0.5}


@pytest.mark.parametrize("path", DFD_OF_THE_PAPER, ids=lambda path: path.stem)
def test_presets_of_dfds_paper_say_how_they_read_it(path):
    header = " ".join(line.removeprefix("# ") for line in path.read_text().split("\n\n")[0].splitlines())
    distill = load_params(path).distill
    assert "Not run to the end yet" in header
    assert (distill.terms.feature.distance, distill.terms.feature.weight) == ("mean_squared", 2.0)
    features = build_classifier(num_classes=10, **load_params(path).teacher.model.model_dump()).linear.in_features
    assert f"mean over features: its lambda of 2 is 2/{features} on eq. 1" in header
    assert "Half of the steps pretrain the student" in header
    assert "the full rate and fresh momentum start again" in header


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_have_no_yaml_anchors(path):
    # `dvc exp run -S` rewrites a shared anchor and stales stages that were not meant.
    assert not any(token in path.read_text() for token in (": &", ": *", "<<:"))


def test_the_experiment_in_force_parses():
    load_params(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("teacher.train.btach_size", 4, "teacher.train.btach_size: unknown key; did you mean batch_size?"),
        ("tacher", {}, "tacher: unknown key; did you mean teacher?"),
        ("distill.terms.logits", {"weight": 1}, "distill.terms.logits: unknown key; did you mean logit?"),
        ("downsampler.ratio", 3, r"downsampler.ratio: .*2 or 4 .got 3"),
        ("teacher.train.optimiser.lr", -1.0, "teacher.train.optimiser.lr: .*greater than 0"),
        ("distill.train.seed", 2**63, "distill.train.seed: .*less than 9223372036854775808"),
        ("downsampler.options.channels", 2, "downsampler.options.channels: .*greater than or equal to 3"),
        ("teacher.train.steps", "many", "teacher.train.steps: .*integer"),
        ("data.source.num_train", 0, "data.source.num_train: .*greater than or equal to 1"),
        ("evaluate.split", "train", "evaluate.split: .*'val' or 'test'"),
        ("data.input.canvas_multiple_px", 33, "canvas_multiple_px: 33 is no multiple of downsampler.ratio 4"),
        ("distill.terms", {}, "at least one term is needed"),
        ("downsampler.train", None, "train and terms go together"),
        ("teacher.train.epochs", 3.0, "give either steps or epochs"),
        ("teacher.model.pretrained", "somewhere", "give either family or pretrained"),
        (
            "teacher.train.optimiser.groups",
            [{"match": "(", "lr_factor": 1}],
            "groups.0.match: not a regular expression",
        ),
        ("data.input.canvas_multiple_px", 6, "params: data.input.canvas_multiple_px: 6 is no multiple"),
        (
            "distill.init",
            "techer",
            r"distill.init: neither scratch nor teacher nor .*; did you mean teacher\? .*'techer'",
        ),
        ("distill.init", "", "distill.init: neither scratch nor teacher nor a folder that is here"),
        ("distill.init", "t" * 300, "distill.init: neither scratch nor teacher nor a folder that is here"),
        ("downsampler.terms", {}, "params: downsampler: train and terms go together"),
        (
            "downsampler.terms",
            {"bicubic": {"weight": 0}},
            "params: downsampler: terms: nothing would .* bicubic weigh 0",
        ),
        ("distill.terms", {"detection": {"weight": 0}}, "params: distill.terms: at least one term .* more than 0"),
        ("teacher.train.augment.scale_jitter", [1.0], "params: teacher.train.augment.scale_jitter.1: missing"),
        ("distill.train.augment.crop_fraction", [], "distill.train.augment.crop_fraction.0: missing"),
    ],
)
def test_a_fault_is_one_line_that_names_the_key(values, key, value, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_params(changed(values, key, value))
    assert "\n" not in str(caught.value)


MATCHED = {"weight": 1.0, "alignment": "matched", "threshold": 0.3}
LOGIT = {**MATCHED, "form": "sigmoid_kl", "temperature": 1.0}
FEATURE = {"weight": 1.0, "distance": "mse", "resize": "student"}
HEADS = "distill: terms: with init scratch and pretrain_fraction 0 nothing would train both heads"


@pytest.mark.parametrize(
    "terms",
    [
        {"feature": FEATURE},
        {"feature": FEATURE, "detection": {"weight": 0}},
        {"logit": LOGIT},
        {"box": MATCHED, "logit": {**LOGIT, "weight": 0}},
    ],
)
def test_terms_that_leave_a_head_of_a_detector_untrained_need_weights_to_start_from(values, terms):
    values["distill"] |= {"init": "scratch", "terms": terms}
    with pytest.raises(ValueError, match=HEADS) as caught:
        parse_params(values)
    assert "\n" not in str(caught.value)
    parse_params(changed(values, "distill.init", "teacher"))
    parse_params(changed(values, "distill.pretrain_fraction", 0.5))
    pretrained = values["distill"]["model"] | {"family": None, "config": {}, "pretrained": "somewhere"}
    parse_params(changed(values, "distill.model", pretrained))


@pytest.mark.parametrize("terms", [{"detection": {"weight": 1}}, {"logit": LOGIT, "box": MATCHED}])
def test_terms_that_train_both_heads_of_a_detector_need_no_weights(values, terms):
    values["distill"] |= {"init": "scratch", "terms": terms}
    parse_params(values)


SOFT = {"weight": 1.0, "temperature": 4.0}
FEATURES = {"weight": 2.0, "distance": "mean_squared"}


@pytest.fixture
def class_values():
    return YAML(typ="safe").load((ROOT / "presets/dfd-demo.yaml").read_text())


@pytest.mark.parametrize(
    "terms",
    [{"feature": FEATURES}, {"feature": FEATURES, "recognition": {"weight": 0}, "logit": {**SOFT, "weight": 0}}],
)
def test_terms_that_leave_the_classification_layer_untrained_need_weights_to_start_from(class_values, terms):
    class_values["distill"] |= {"init": "scratch", "pretrain_fraction": 0.0, "terms": terms}
    with pytest.raises(ValueError, match=r"distill: terms: .* nothing would train the classification layer") as caught:
        parse_params(class_values)
    assert "\n" not in str(caught.value)
    parse_params(changed(class_values, "distill.init", "teacher"))
    parse_params(changed(class_values, "distill.pretrain_fraction", 0.5))


@pytest.mark.parametrize("terms", [{"recognition": {"weight": 1}}, {"feature": FEATURES, "logit": SOFT}])
def test_terms_that_train_the_classification_layer_need_no_weights(class_values, terms):
    class_values["distill"] |= {"init": "scratch", "pretrain_fraction": 0.0, "terms": terms}
    parse_params(class_values)


@pytest.mark.parametrize("init", ["scratch", "teacher"])
def test_terms_of_a_classifier_that_all_weigh_nothing_are_refused(class_values, init):
    nothing = {"recognition": {"weight": 0}, "feature": FEATURES | {"weight": 0}}
    class_values["distill"] |= {"init": init, "pretrain_fraction": 0.5, "terms": nothing}
    with pytest.raises(ValueError, match=r"distill\.terms: at least one term is needed that weighs more than 0"):
        parse_params(class_values)


def test_a_down_sampler_without_weights_is_not_said_to_be_trained(values, class_values):
    fixed = {"kind": "bicubic", "ratio": 4, "options": {}, "terms": {}, "train": None}
    for one in (values, class_values):
        one["downsampler"] = fixed
        parse_params(changed(one, "distill.train_downsampler", False))
        message = "params: distill.train_downsampler: true, but downsampler.kind bicubic has nothing to train; set it"
        with pytest.raises(ValueError, match=message) as caught:
            parse_params(changed(one, "distill.train_downsampler", True))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("init", ["scratch", "teacher", "outputs/student", "./nowhere", "s3/of-another-machine"])
def test_a_student_may_start_from_a_folder_that_is_not_here(values, init):
    assert parse_params(changed(values, "distill.init", init)).distill.init == init


def test_a_student_may_start_from_a_folder_beside_the_params(values, tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_params(changed(values, "distill.init", "model")).distill.init == "model"


def test_a_missing_value_has_no_default(values):
    del values["distill"]["terms"]["feature"]["weight"]
    with pytest.raises(ValueError, match=r"distill\.terms\.feature\.weight: missing"):
        parse_params(values)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ValueError, match="no such file; `lowres preset use"):
        load_params(tmp_path / "params.yaml")


def test_broken_yaml_is_one_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("data: [1, 2\nteacher: {")
    with pytest.raises(ValueError, match="not YAML") as caught:
        load_params(path)
    assert "\n" not in str(caught.value)


def test_fingerprint_depends_on_values_and_not_on_order():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_schema_for_editors_knows_every_section_of_every_task():
    schema = json_schema()
    sections = {"task", "data", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"}
    tasks = [schema["$defs"][branch["$ref"].rsplit("/", 1)[-1]] for branch in schema["oneOf"]]
    assert {task["properties"]["task"]["const"] for task in tasks} == {"detection", "classification"}
    assert all(set(task["properties"]) == sections for task in tasks)


def test_a_file_that_does_not_say_its_task_is_told_so(values):
    del values["task"]
    with pytest.raises(ValueError, match="params: task: missing"):
        parse_params(values)
    with pytest.raises(ValueError, match="params: task: 'detecton' is none of 'detection', 'classification'"):
        parse_params(values | {"task": "detecton"})


def test_sgd_states_its_momentum(values):
    optimiser = values["teacher"]["train"]["optimiser"] | {"name": "sgd"}
    with pytest.raises(ValueError, match=r"teacher.train.optimiser.momentum: missing"):
        parse_params(changed(values, "teacher.train.optimiser", optimiser))
    parse_params(changed(values, "teacher.train.optimiser", optimiser | {"momentum": 0.9, "nesterov": True}))
    with pytest.raises(ValueError, match=r"optimiser.momentun: unknown key; did you mean momentum"):
        parse_params(changed(values, "teacher.train.optimiser", optimiser | {"momentun": 0.9, "nesterov": True}))


COCO = {"kind": "coco", "root": "data", "train": {"images": "a", "annotations": "a.json"}, "val": None, "test": None}
TT100K = {
    "kind": "tt100k",
    "root": "data",
    "annotations": "annotations.json",
    "train_classes": "all",
    "measured_classes": 45,
    "train": {"folders": ["train", "other"], "ids": None},
    "val": None,
    "test": {"folders": ["test"], "ids": "test/ids.txt"},
}
DIVIDED = {"kind": "divided", "of": TT100K, "by": {"kind": "share", "val": 0.1, "test": None, "seed": 0}}
CHOSEN = {"kind": "chosen", "of": COCO, "classes": ["a"], "rename": {}, "keep_emptied": False}
TILED = {
    "kind": "tiled",
    "of": DIVIDED,
    "splits": ["train"],
    "tile_px": 1024,
    "overlap_px": 256,
    "min_visibility": 0.5,
    "empty_fraction": 0.1,
    "jpeg_quality": 95,
}
BALANCED = {
    "kind": "balanced",
    "of": DIVIDED,
    "instances_per_class": 1000,
    "crops_per_object": 20,
    "crop_px": [1024, 2048],
    "min_visibility": 0.5,
    "brightness": 0.2,
    "contrast": 0.2,
    "saturation": 0.2,
    "hue": 0.0,
    "jpeg_quality": None,
    "seed": 0,
}


@pytest.mark.parametrize("source", [COCO, TT100K, DIVIDED, CHOSEN, TILED, BALANCED], ids=lambda source: source["kind"])
def test_sources_made_of_others_parse(values, source):
    params = parse_params(changed(values, "data.source", source))
    assert params.data.source.kind == source["kind"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "yollo"}, r"data\.source\.kind: 'yollo' is none of .*'yolo'"),
        ({"kind": "auto", "rot": "x"}, r"data\.source\.rot: unknown key; did you mean root\?"),
        (TT100K | {"train_classes": 44}, r"data\.source\.train_classes: Input should be 'all' or 45 \(got 44\)"),
        (TT100K | {"train_classes": 45, "measured_classes": "all"}, "measured_classes all needs train_classes all"),
        (DIVIDED | {"by": {"kind": "share", "val": None, "test": None, "seed": 0}}, "val and test are both null"),
        (
            DIVIDED | {"by": {"kind": "share", "val": 1.0, "test": None, "seed": 0}},
            r"data\.source\.by\.val: .*less than 1",
        ),
        (DIVIDED | {"of": COCO | {"rot": 1}}, r"data\.source\.of\.rot: unknown key; did you mean root\?"),
        (DIVIDED | {"of": {"kind": "cifar10"}}, r"data\.source\.of\.kind: 'cifar10' is none of"),
        (
            DIVIDED | {"of": {"kind": "class_folders", "rot": "x"}},
            r"data\.source\.of\.rot: unknown key; did you mean root",
        ),
        (TILED | {"of": {"kind": "class_folders", "root": "x"}}, r"of\.kind: 'class_folders' is none of"),
        (TILED | {"overlap_px": 1024}, "overlap_px 1024 is no less than tile_px 1024"),
        (TILED | {"splits": []}, r"data\.source\.splits: .*at least 1 item"),
        (BALANCED | {"crop_px": [9, 3]}, r"crop_px \[9, 3\] is no range"),
    ],
)
def test_faulty_source_is_one_line_that_names_the_key(values, source, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_params(changed(values, "data.source", source))
    assert "\n" not in str(caught.value)
