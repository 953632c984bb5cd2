"""The DAG of dvc.yaml as a Kubeflow pipeline.

    prepare -> teacher     -> distill  -> evaluate -> export -> report
            -> downsampler -> baseline ->

With a bucket, fetch may stand where prepare does, and publish comes last.
`tests/pipelines/test_parity.py` holds one to the other.
"""

from components.baseline import baseline as train_baseline
from components.distill import distill as train_student
from components.downsampler import downsampler as train_downsampler
from components.evaluate import evaluate as measure
from components.export import export as write_onnx
from components.fetch import fetch as fetch_splits
from components.notify import notify
from components.prepare import prepare as pack
from components.publish import publish as push_outputs
from components.report import report as write_page
from components.teacher import teacher as train_teacher
from kfp import dsl
from kfp.dsl.graph_component import GraphComponent

from lowres.steps.places import PLACES
from pipelines.placement import Placement


def training_pipeline(on: Placement, *, fetch: bool = False, publish: bool = False) -> GraphComponent:
    """The pipeline with its steps placed; its arguments are sections of params.yaml (`pipelines/arguments.py`).

    With `fetch`, the data with `data_md5` come from the DVC remote at `remote`, and nothing is prepared. With
    `publish`, the outputs go below `publish_to`. Without them these arguments are not used.
    """

    @dsl.pipeline(name="lowres-training", description="Train at full resolution, ship a model that reads thumbnails.")
    def lowres_training(
        task: str,
        data: str,
        data_input: str,
        teacher: str,
        downsampler: str,
        baseline: str,
        distill: str,
        evaluate: str,
        export: str,
        report: str,
        params_file: str,
        source_md5: str = "",
        data_md5: str = "",
        remote: str = "",
        remote_endpoint: str = "",
        publish_to: str = "",
    ):
        shared = {"task": task, "data_input": data_input}
        with dsl.ExitHandler(on.notifier(notify(run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER)), name="stages"):
            if fetch:
                first = on.exchanging(fetch_splits(data_md5=data_md5, remote=remote, remote_endpoint=remote_endpoint))
            else:
                first = on.packing(pack(data=data, source_md5=source_md5))
            splits = first.outputs["splits"]
            full = on.training(train_teacher(**shared, teacher=teacher, data=splits))
            thumbnails = on.training(train_downsampler(**shared, downsampler=downsampler, data=splits))
            start = {"data": splits, "teacher": full.outputs["model"], "downsampler": thumbnails.outputs["model"]}
            alone = on.training(train_baseline(**shared, baseline=baseline, distill=distill, **start))
            student = on.training(train_student(**shared, distill=distill, **start))
            measured = on.network(
                measure(
                    **shared,
                    evaluate=evaluate,
                    data=splits,
                    teacher=full.outputs["model"],
                    student=student.outputs["model"],
                    baseline=alone.outputs["model"],
                )
            )
            exported = on.plain(
                write_onnx(
                    **shared,
                    export=export,
                    params_file=params_file,
                    data=splits,
                    student=student.outputs["model"],
                    evaluation=measured.outputs["evaluation"],
                )
            )
            page = on.plain(
                write_page(
                    task=task,
                    report=report,
                    params_file=params_file,
                    data=splits,
                    evaluation=measured.outputs["evaluation"],
                    export=exported.outputs["onnx"],
                    history_teacher=full.outputs["history"],
                    history_downsampler=thumbnails.outputs["history"],
                    history_baseline=alone.outputs["history"],
                    history_distill=student.outputs["history"],
                )
            )
            if publish:
                steps = {
                    "teacher": full,
                    "downsampler": thumbnails,
                    "baseline": alone,
                    "distill": student,
                    "evaluate": measured,
                    "export": exported,
                    "report": page,
                }
                outputs = {f"{step}_{name}": steps[step].outputs[name] for step, name in PLACES if step in steps}
                pushing = push_outputs(
                    publish_to=publish_to,
                    remote_endpoint=remote_endpoint,
                    run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                    params_file=params_file,
                    data_md5=data_md5,
                    prepare_splits=splits,
                    **outputs,
                )
                on.exchanging(pushing).set_caching_options(False)

    return lowres_training
