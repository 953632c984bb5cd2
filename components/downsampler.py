"""downsampler as a component."""

from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.definition import component


@component
def downsampler(
    task: str,
    data_input: str,
    downsampler: str,
    data: Input[Dataset],
    model: Output[Model],
    history: Output[Artifact],
    numbers: Output[Artifact],
    metrics: Output[Metrics],
):
    """Train the down-sampler alone (stage one)."""
    from lowres.stages import downsampler as stage
    from lowres.steps.run import run_stage

    run_stage(
        stage.run,
        {"task": task, "downsampler": downsampler, "data.input": data_input},
        data=data,
        out_model=model,
        out_history=history,
        out_metrics=numbers,
        metrics=metrics,
        on_every_gpu=True,
    )
