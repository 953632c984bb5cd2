"""teacher as a component."""

from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.definition import component


@component
def teacher(
    task: str,
    data_input: str,
    teacher: str,
    data: Input[Dataset],
    model: Output[Model],
    history: Output[Artifact],
    numbers: Output[Artifact],
    metrics: Output[Metrics],
):
    """Train the full-resolution model."""
    from lowres.stages import teacher as stage
    from lowres.steps.run import run_stage

    run_stage(
        stage.run,
        {"task": task, "teacher": teacher, "data.input": data_input},
        data=data,
        out_model=model,
        out_history=history,
        out_metrics=numbers,
        metrics=metrics,
        on_every_gpu=True,
    )
