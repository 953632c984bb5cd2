"""The DAG of dvc.yaml as a Kubeflow pipeline.

    prepare -> teacher     -> distill  -> evaluate -> export -> report
            -> downsampler -> baseline ->

`tests/pipelines/test_parity.py` holds one to the other.
"""

from components.baseline import baseline as train_baseline
from components.distill import distill as train_student
from components.downsampler import downsampler as train_downsampler
from components.evaluate import evaluate as measure
from components.export import export as write_onnx
from components.notify import notify
from components.prepare import prepare as pack
from components.report import report as write_page
from components.teacher import teacher as train_teacher
from kfp import dsl
from kfp.dsl.graph_component import GraphComponent

from pipelines.placement import Placement


def training_pipeline(on: Placement) -> GraphComponent:
    """The pipeline with its steps placed; its arguments are sections of params.yaml (`pipelines/arguments.py`)."""

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
    ):
        shared = {"task": task, "data_input": data_input}
        with dsl.ExitHandler(on.notifier(notify()), name="stages"):
            splits = on.packing(pack(data=data, source_md5=source_md5)).outputs["splits"]
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
            on.plain(
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

    return lowres_training
