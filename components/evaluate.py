"""evaluate as a component."""

from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.definition import component


@component
def evaluate(
    task: str,
    data_input: str,
    evaluate: str,
    data: Input[Dataset],
    teacher: Input[Model],
    student: Input[Model],
    baseline: Input[Model],
    evaluation: Output[Artifact],
    confusion: Output[ClassificationMetrics],
    numbers: Output[Artifact],
    metrics: Output[Metrics],
):
    """Measure accuracy and cost of teacher and student."""
    from lowres.stages import evaluate as stage
    from lowres.steps.run import run_stage

    run_stage(
        stage.run,
        {"task": task, "evaluate": evaluate, "data.input": data_input},
        data=data,
        teacher=teacher,
        student=student,
        baseline=baseline,
        out_evaluation=evaluation,
        confusion=confusion,
        out_metrics=numbers,
        metrics=metrics,
    )
