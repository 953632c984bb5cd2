"""One variant of a sweep as a line of its table."""

from kfp.dsl import Artifact, Input

from components.definition import component


@component
def score(kind: str, seed: str, evaluation: Input[Artifact]) -> str:
    """The student's accuracy and cost, as JSON."""
    from lowres.steps.sweep import score as score_of

    return score_of(kind=kind, seed=int(seed), evaluation=evaluation)
