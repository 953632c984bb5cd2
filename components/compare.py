"""All variants of a sweep side by side."""

from kfp.dsl import HTML, Markdown, Metrics, Output

from components.definition import component


@component
def compare(scores: list, page: Output[HTML], verdict: Output[Markdown], metrics: Output[Metrics]):
    """A table and a page, with intervals over seeds."""
    from lowres.steps.sweep import compare as compare_scores

    compare_scores(scores, metrics=metrics, page=page, verdict=verdict)
