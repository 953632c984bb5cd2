"""The arms of the DFD study: what each changes against the paper's preset, everything else being equal."""

from dataclasses import dataclass, replace
from typing import Any, Literal

SEEDS = (0, 1, 2)
SIDES_PX = (8, 16)
LAMBDAS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # section 3.2 of the paper has them up to 10
PAPER_LAMBDA = 2.0

Backbone = Literal["alexnet", "resnet18"]
# Channels against the published network, and epochs, that two cores can train: AlexNet is whole, because its first
# convolution has a stride of four.
WIDTH = {"alexnet": 1.0, "resnet18": 0.25}
EPOCHS = {"alexnet": 10, "resnet18": 6}

RECOGNITION: dict[str, Any] = {"recognition": {"weight": 1.0}}


def feature(weight: float, distance: str = "mean_squared") -> dict[str, Any]:
    """Eq. 4 with a lambda."""
    return {**RECOGNITION, "feature": {"weight": weight, "distance": distance}}


LOGIT: dict[str, Any] = {"logit": {"weight": 1.0, "temperature": 4.0}}
TERMS: dict[str, dict[str, Any]] = {
    **{f"lambda{weight:g}": feature(weight) for weight in LAMBDAS},
    "sum": feature(0.1, "squared"),  # eq. 1 as written; a lambda of 2 makes AlexNet diverge
    "cosine": feature(2.0, "cosine"),
    "relational": {**RECOGNITION, "feature": {"weight": 1.0, "distance": "relational", "angle_weight": 2.0}},
    "logit": {**RECOGNITION, **LOGIT},
    "feature-logit": {**feature(PAPER_LAMBDA), **LOGIT},
}
PAPER_TERMS = f"lambda{PAPER_LAMBDA:g}"


@dataclass(frozen=True)
class Arm:
    """One training and its measurement; `terms` None learns from labels alone."""

    group: str
    name: str
    seed: int
    backbone: Backbone
    side_px: int = 8
    terms: str | None = None
    kind: Literal["bicubic", "learned"] = "bicubic"
    pretrain_fraction: float = 0.0
    full: bool = False  # the published width and the paper's 100 epochs
    other_guide: bool = False  # learns under the teacher of another seed, which began from other weights than it did

    @property
    def key(self) -> str:
        """File name of the result."""
        return f"{self.group}-{self.backbone}-{self.name}-seed{self.seed}"

    @property
    def is_teacher(self) -> bool:
        """Whether it is trained on whole images."""
        return self.side_px == 32

    @property
    def width(self) -> float:
        """Channels against the published network."""
        return 1.0 if self.full else WIDTH[self.backbone]

    @property
    def epochs(self) -> int:
        """Of each training."""
        return 100 if self.full else EPOCHS[self.backbone]

    @property
    def teacher(self) -> "Arm":
        """The seed's teacher: one for each seed, so that intervals hold for teachers too. Its first weights and the
        order of its batches are those of its students.
        """
        return Arm("full" if self.full else "main", "32px", self.seed, self.backbone, side_px=32, full=self.full)

    @property
    def guide(self) -> "Arm":
        """The arm whose model teaches this one."""
        return replace(self.teacher, seed=(self.seed + 1) % len(SEEDS)) if self.other_guide else self.teacher


def all_arms() -> list[Arm]:
    """Every arm, one seed before the next: a study cut short compares equal things."""
    arms: list[Arm] = []
    for seed in SEEDS:
        for backbone in ("alexnet", "resnet18"):
            arms.append(Arm("main", "32px", seed, backbone, side_px=32))
            for side in SIDES_PX:
                arms.append(Arm("main", f"{side}px-baseline", seed, backbone, side_px=side))
                arms.append(Arm("main", f"{side}px-dfd", seed, backbone, side_px=side, terms=PAPER_TERMS))
        for terms in TERMS:
            if terms != PAPER_TERMS:
                group = "lambda" if terms.startswith("lambda") else "terms"
                arms.append(Arm(group, terms, seed, "alexnet", terms=terms))
        arms.append(Arm("terms", "pretrained", seed, "alexnet", terms=PAPER_TERMS, pretrain_fraction=0.5))
        arms.append(Arm("terms", "other-teacher", seed, "alexnet", terms=PAPER_TERMS, other_guide=True))
        arms.append(Arm("terms", "lambda20-other-teacher", seed, "alexnet", terms="lambda20", other_guide=True))
        for name, terms in (("baseline", None), ("dfd", PAPER_TERMS)):
            arms.append(Arm("learned", name, seed, "alexnet", terms=terms, kind="learned"))
    full: dict[str, Any] = {"backbone": "resnet18", "full": True}
    arms.append(Arm("full", "32px", 0, side_px=32, **full))
    arms.append(Arm("full", "8px-baseline", 0, **full))
    for terms in (PAPER_TERMS, "feature-logit"):
        arms.append(Arm("full", f"8px-{terms}", 0, terms=terms, **full))
    arms.append(Arm("full", "8px-learned-feature-logit", 0, terms="feature-logit", kind="learned", **full))
    return arms
