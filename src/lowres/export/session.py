"""A lowres ONNX file as a session of ONNX Runtime, and what it says of itself; for every task."""

from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors  # pyright: ignore[reportAttributeAccessIssue]

from lowres.export.digest import check_digest
from lowres.models.checksum import check_sha256, has_record

FORMAT = 1

_UNREADABLE = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def open_session(path: Path, *, threads: int, task: str) -> tuple[onnxruntime.InferenceSession, dict[str, str]]:
    """A CPU session of `threads` threads per operator, and the file's metadata.

    Raises ValueError for a file that is missing, damaged (also where its sha256 is not the one beside or in it), not
    exported by lowres, or for another task.
    """
    session, metadata = _open(path, threads=threads, optimise=True)
    found = _task(metadata)
    if found != task:
        raise ValueError(f"{path}: an ONNX file for {found}, not for {task}; `lowres.api.load` opens both")
    return session, metadata


def task_of_file(path: Path) -> str:
    """The task that a file was exported for; ValueError as for `open_session`."""
    return _task(_open(path, threads=1, optimise=False)[1])


def first_line(error: Exception) -> str:
    """The beginning of an error of ONNX Runtime, whose messages go on over many lines."""
    return str(error).splitlines()[0][:300]


def _open(path: Path, *, threads: int, optimise: bool) -> tuple[onnxruntime.InferenceSession, dict[str, str]]:
    if not path.is_file():
        raise ValueError(f"{path}: no such ONNX file")
    if not check_digest(path) and has_record(path):
        check_sha256(path)
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except _UNREADABLE as error:
        raise ValueError(f"{path}: damaged, or no ONNX file: {first_line(error)}") from error
    metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
    if metadata.get("lowres_format") != str(FORMAT):
        raise ValueError(
            f"{path}: an ONNX file, but no lowres model of format {FORMAT} "
            f"(its metadata says {metadata.get('lowres_format')!r}); make one with `lowres export`"
        )
    return session, metadata


def _task(metadata: dict[str, str]) -> str:
    return metadata.get("task", "detection")  # files of the time when there was no other
