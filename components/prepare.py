"""prepare as a component. `source_md5` stands for the files that a source reads: Kubeflow's cache cannot see them."""

from kfp.dsl import Dataset, Output

from components.definition import component


@component
def prepare(data: str, source_md5: str, splits: Output[Dataset]):
    """Check a data source and pack its splits."""
    from lowres.stages import prepare as stage
    from lowres.steps.run import run_stage

    run_stage(stage.run, {"data": data}, out_data=splits)
