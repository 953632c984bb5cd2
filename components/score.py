"""One variant of a sweep as a line of its table."""

from kfp.dsl import Artifact, Input, Model

from components.definition import component


@component
def score(kind: str, seed: str, teacher: Input[Model], evaluation: Input[Artifact]) -> str:
    """The student's accuracy and cost, as JSON."""
    from lowres.steps.sweep import score as score_of

    return score_of(kind=kind, seed=int(seed), teacher=teacher, evaluation=evaluation)
