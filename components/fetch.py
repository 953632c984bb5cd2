"""fetch as a component: stands where prepare does, for data that a bucket holds. Kubeflow caches it by the md5."""

from kfp.dsl import Dataset, Output

from components.definition import component


@component
def fetch(data_md5: str, remote: str, remote_endpoint: str, splits: Output[Dataset]):
    """Fetch prepared data by md5 and check them."""
    from lowres.steps.fetch import fetch_data

    fetch_data(md5=data_md5, remote=remote, endpoint_url=remote_endpoint, splits=splits)
