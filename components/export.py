"""export as a component. The file and its card tell of the whole params.yaml, as under DVC."""

from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.definition import component


@component
def export(
    task: str,
    data_input: str,
    export: str,
    params_file: str,
    data: Input[Dataset],
    student: Input[Model],
    evaluation: Input[Artifact],
    onnx: Output[Model],
    numbers: Output[Artifact],
    metrics: Output[Metrics],
):
    """Write the student as ONNX, once it is proven equal."""
    from lowres.stages import export as stage
    from lowres.steps.run import run_stage

    run_stage(
        stage.run,
        {"task": task, "export": export, "data.input": data_input},
        params_text=params_file,
        data=data,
        student=student,
        evaluation=evaluation,
        out_export=onnx,
        out_metrics=numbers,
        metrics=metrics,
    )
