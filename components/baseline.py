"""baseline as a component."""

from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.definition import component


@component
def baseline(
    task: str,
    data_input: str,
    baseline: str,
    distill: str,
    data: Input[Dataset],
    teacher: Input[Model],
    downsampler: Input[Model],
    model: Output[Model],
    history: Output[Artifact],
    numbers: Output[Artifact],
    metrics: Output[Metrics],
):
    """Train the student without its teacher, where asked for."""
    from lowres.stages import baseline as stage
    from lowres.steps.run import run_stage

    run_stage(
        stage.run,
        {"task": task, "baseline": baseline, "distill": distill, "data.input": data_input},
        data=data,
        teacher=teacher,
        downsampler=downsampler,
        out_model=model,
        out_history=history,
        out_metrics=numbers,
        metrics=metrics,
        on_every_gpu=True,
    )
