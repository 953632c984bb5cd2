"""The arms of the study: what each changes against the demo preset, everything else being equal."""

from dataclasses import dataclass
from typing import Any

SEEDS = (0, 1, 2)
# Of a student's training in all groups but `tune` and `long`: what lets three seeds of every arm be run
# in two hours on two cores.
STEPS = 600
TUNE_STEPS = 1000
EVALUATE_EVERY_STEPS = 500
DOWNSAMPLER_STEPS = 150
# The group `long` asks what more training buys: a teacher and students of these many steps.
LONG_TEACHER_STEPS = 2400
LONG_STEPS = 1000
TEACHER_DENOISING = 100  # queries, of the teachers that the study trains; the demo's have changed since

DETECTION: dict[str, Any] = {"detection": {"weight": 1.0}}
PAPER: dict[str, Any] = {
    **DETECTION,
    "moment": {"weight": 1.0, "deviation_weight": 0.1},
    "logit": {"weight": 0.5, "alignment": "matched", "form": "softmax_kl", "temperature": 1.0, "threshold": 0.5},
    "feature": {"weight": 0.1, "distance": "mse", "resize": "student"},
}
# The paper pairs queries by index. An RT-DETRv2 chooses its queries anew in each image, so index pairs mean little
# there: the arm that takes the paper at its word stands beside the one that pairs by content.
PAPER_INDEX: dict[str, Any] = {**PAPER, "logit": {**PAPER["logit"], "alignment": "index"}}
FEATURE: dict[str, Any] = {"feature": {"weight": 2.0, "distance": "mse", "resize": "student"}}
LOGIT: dict[str, Any] = {
    "logit": {"weight": 1.0, "alignment": "matched", "form": "sigmoid_kl", "temperature": 1.0, "threshold": 0.3}
}
BOX: dict[str, Any] = {"box": {"weight": 1.0, "alignment": "matched", "threshold": 0.3}}
# Candidates for our terms; the group `tune` compares them on the validation split.
CANDIDATES: dict[str, dict[str, Any]] = {
    "feature": {**DETECTION, **FEATURE},
    "feature-strong": {**DETECTION, "feature": {**FEATURE["feature"], "weight": 5.0}},
    "feature-normalised": {**DETECTION, "feature": {**FEATURE["feature"], "distance": "normalised_mse"}},
    "feature-logit": {**DETECTION, **FEATURE, **LOGIT},
    "feature-logit-box": {**DETECTION, **FEATURE, **LOGIT, **BOX},
    "logit-box": {**DETECTION, **LOGIT, **BOX},
}
# `best` is not the best of `tune`, where `feature-strong` has 1.2 AP more: `main` was run with it, later groups not.
TERMS = {"none": DETECTION, "paper": PAPER, "paper-index": PAPER_INDEX, "best": CANDIDATES["feature"], **CANDIDATES}

# A narrower detector, so that twice the side costs what the wide one costs at 4x: 144 M multiply-adds, both bicubic and
# both with one early stride dropped; with 12 learned channels the wide one has 167 M.
NARROW = {
    "backbone_config": {
        "model_type": "rt_detr_resnet",
        "embedding_size": 16,
        "hidden_sizes": [16, 32, 64, 96],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
        "out_indices": [2, 3, 4],
    },
    "encoder_in_channels": [32, 64, 96],
    "encoder_hidden_dim": 48,
    "encoder_ffn_dim": 96,
    "decoder_in_channels": [48, 48, 48],
    "d_model": 48,
    "decoder_ffn_dim": 96,
}


@dataclass(frozen=True)
class Arm:
    """One training and evaluation of a student."""

    group: str
    name: str
    seed: int
    kind: str = "learned"
    ratio: int = 4
    terms: str = "best"
    init: str = "teacher"
    stride_shift: int = 1
    narrow: bool = False
    skip: str = "none"
    layers: int = 2
    hidden_channels: int = 12
    channels: int = 3
    steps: int = STEPS  # of the student's training
    lr: float | None = None
    downsampler_lr_factor: float | None = None  # 1 is no group of its own
    num_denoising: int | None = None
    # Of its teacher's training; None is the teacher that `make demo` trained.
    teacher_steps: int | None = None

    @property
    def key(self) -> str:
        """File name of the result."""
        return f"{self.group}-{self.name}-seed{self.seed}"


def all_arms() -> list[Arm]:
    """Every arm; the main comparison first, and one seed before the next: a study cut short compares equal things."""
    arms = [Arm("tune", "feature", seed=0, terms="feature", steps=TUNE_STEPS)]
    arms.append(Arm("tune", "feature-strong", seed=0, terms="feature-strong", steps=TUNE_STEPS))
    arms.append(Arm("tune", "feature-logit-box", seed=0, terms="feature-logit-box", steps=TUNE_STEPS))
    arms.append(Arm("tune", "feature-skip", seed=0, terms="feature", skip="bicubic", steps=TUNE_STEPS))
    arms.append(
        Arm("tune", "feature-slow", seed=0, terms="feature", lr=0.002, downsampler_lr_factor=1.0, steps=TUNE_STEPS)
    )
    arms.append(
        Arm("tune", "feature-slow-downsampler", seed=0, terms="feature", downsampler_lr_factor=1.0, steps=TUNE_STEPS)
    )
    for seed in SEEDS:
        for kind in ("bicubic", "area", "learned"):
            for terms in ("none", "paper", "best"):
                arms.append(Arm("main", f"{kind}-{terms}", seed, kind=kind, terms=terms))
        arms.append(Arm("main", "learned-paper-index", seed, terms="paper-index"))
        arms.append(Arm("main", "learned-best-skip", seed, skip="bicubic"))
    longer: dict[str, Any] = {"steps": LONG_STEPS, "teacher_steps": LONG_TEACHER_STEPS}
    channels: dict[str, Any] = {"skip": "bicubic", "hidden_channels": 24, "channels": 12}
    for seed in SEEDS:
        arms.append(Arm("long", "bicubic-none", seed, kind="bicubic", terms="none", **longer))
        arms.append(Arm("long", "channels-feature-strong", seed, terms="feature-strong", **channels, **longer))
    for seed in SEEDS:
        arms.append(Arm("long", "channels-none", seed, terms="none", **channels, **longer))
        arms.append(Arm("long", "learned-none-skip", seed, terms="none", skip="bicubic", **longer))
    for seed in SEEDS:
        arms.append(Arm("long", "bicubic-feature-strong", seed, kind="bicubic", terms="feature-strong", **longer))
        arms.append(Arm("long", "learned-feature-strong-skip", seed, terms="feature-strong", skip="bicubic", **longer))
    # Can the module be made to gain more? On the validation split, one seed.
    added: dict[str, Any] = {"terms": "feature-strong", "skip": "bicubic", **longer}
    arms.append(Arm("tune", "long-wide", seed=0, hidden_channels=48, **added))
    arms.append(Arm("tune", "long-channels12", seed=0, channels=12, hidden_channels=24, **added))
    arms.append(Arm("tune", "long-linear18", seed=0, channels=18, layers=1, **added))
    arms.append(Arm("tune", "long-deep", seed=0, layers=5, **added))
    arms.append(Arm("tune", "long-fast", seed=0, downsampler_lr_factor=5.0, **added))
    # What the demo's recipe (in fewer steps) owes to each of its choices, and what one may buy instead for the same
    # multiply-adds.
    recipe: dict[str, Any] = {"terms": "feature-strong", **channels}
    scratch: dict[str, Any] = {"terms": "none", "init": "scratch"}
    narrow: dict[str, Any] = {"kind": "bicubic", "ratio": 2, "narrow": True, **scratch}
    same: dict[str, Any] = {"kind": "bicubic", "ratio": 2, "stride_shift": 0, "terms": "feature-strong"}
    for seed in SEEDS:
        arms.append(Arm("recipe", "4x", seed, **recipe))
        arms.append(Arm("recipe", "4x-bicubic-none", seed, kind="bicubic", terms="none"))
        arms.append(Arm("init", "scratch", seed, init="scratch", **recipe))
        for shift in (0, 2):
            arms.append(Arm("shift", f"shift{shift}", seed, stride_shift=shift, **recipe))
        arms.append(Arm("equal", "2x-narrow-scratch", seed, **narrow))
        arms.append(Arm("equal", "4x-scratch", seed, **scratch, **channels))
        arms.append(Arm("equal", "2x-same-detector", seed, **same))
        arms.append(Arm("equal", "2x-narrow-scratch-long", seed, **narrow, steps=2 * STEPS))
    return arms
