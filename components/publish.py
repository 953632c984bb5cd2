"""publish as a component. An input is named after the step and its output, so that its place is known."""

from kfp.dsl import Artifact, Dataset, Input, Model

from components.definition import component


@component
def publish(
    publish_to: str,
    remote_endpoint: str,
    run: str,
    params_file: str,
    data_md5: str,
    prepare_splits: Input[Dataset],
    teacher_model: Input[Model],
    teacher_history: Input[Artifact],
    teacher_numbers: Input[Artifact],
    downsampler_model: Input[Model],
    downsampler_history: Input[Artifact],
    downsampler_numbers: Input[Artifact],
    baseline_model: Input[Model],
    baseline_history: Input[Artifact],
    baseline_numbers: Input[Artifact],
    distill_model: Input[Model],
    distill_history: Input[Artifact],
    distill_numbers: Input[Artifact],
    evaluate_evaluation: Input[Artifact],
    evaluate_numbers: Input[Artifact],
    export_onnx: Input[Model],
    export_numbers: Input[Artifact],
    report_folder: Input[Artifact],
):
    """Push the outputs to a bucket, for `lowres pipeline adopt`."""
    from lowres.steps.publish import publish_outputs

    publish_outputs(
        publish_to=publish_to,
        endpoint_url=remote_endpoint,
        run=run,
        params_file=params_file,
        data_md5=data_md5,
        prepare_splits=prepare_splits,
        teacher_model=teacher_model,
        teacher_history=teacher_history,
        teacher_numbers=teacher_numbers,
        downsampler_model=downsampler_model,
        downsampler_history=downsampler_history,
        downsampler_numbers=downsampler_numbers,
        baseline_model=baseline_model,
        baseline_history=baseline_history,
        baseline_numbers=baseline_numbers,
        distill_model=distill_model,
        distill_history=distill_history,
        distill_numbers=distill_numbers,
        evaluate_evaluation=evaluate_evaluation,
        evaluate_numbers=evaluate_numbers,
        export_onnx=export_onnx,
        export_numbers=export_numbers,
        report_folder=report_folder,
    )
