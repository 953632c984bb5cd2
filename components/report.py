"""report as a component. The page tells of the whole params.yaml, as under DVC."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Model, Output

from components.definition import component


@component
def report(
    task: str,
    report: str,
    params_file: str,
    data: Input[Dataset],
    evaluation: Input[Artifact],
    export: Input[Model],
    history_teacher: Input[Artifact],
    history_downsampler: Input[Artifact],
    history_baseline: Input[Artifact],
    history_distill: Input[Artifact],
    folder: Output[Artifact],
    page: Output[HTML],
    verdict: Output[Markdown],
):
    """Write the page about this run."""
    from lowres.stages import report as stage
    from lowres.steps.run import run_stage

    run_stage(
        stage.run,
        {"task": task, "report": report},
        params_text=params_file,
        data=data,
        evaluation=evaluation,
        export=export,
        histories={
            "teacher": history_teacher,
            "downsampler": history_downsampler,
            "baseline": history_baseline,
            "distill": history_distill,
        },
        out_report=folder,
        page=page,
        verdict=verdict,
    )
