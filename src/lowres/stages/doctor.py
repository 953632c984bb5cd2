"""doctor: what is wrong with a data set, before a second of training."""

from pathlib import Path

from lowres.data.doctor.box_conventions import MISREAD
from lowres.data.doctor.examine import Examination, examine
from lowres.data.doctor.findings import KINDS
from lowres.data.doctor.image_pass import num_images
from lowres.data.doctor.layouts import find_layout
from lowres.data.doctor.repair import write_repaired
from lowres.data.doctor.summary import as_json, exit_code, terminal_text, verdict
from lowres.stages.outputs import check_outputs, whole_folder, write_json
from lowres.stages.progress import counting


def run(path: Path, *, json_file: Path | None, html_file: Path | None, fix_folder: Path | None) -> tuple[str, int]:
    """Examine `path` and write what is asked for; returns the text for the terminal and the exit code.

    The code is that of the data set as it was found: 0 clean or notes alone, 1 warnings, 3 errors. A repaired copy is
    examined in turn, and the text says with what result; where all boxes seem misread there is none, and it says why.

    Raises:
        ValueError: there is nothing to examine, `fix_folder` is in use or inside the data set, or a file to be written
            is a folder, would overwrite one of the data set, or is the same as the other.
    """
    if fix_folder is not None:
        _check_target(fix_folder, path)
    # Beside an annotation file lie its images; beside an archive nothing of the data set.
    root = path.parent if path.suffix.lower() == ".json" and path.is_file() else path
    check_outputs({"--json": json_file, "--html": html_file}, inputs=[root, path])
    examination = _examined(path, "examine")
    text = terminal_text(examination).encode(errors="replace").decode()  # file names may be no UTF-8
    if json_file is not None:
        write_json(json_file, as_json(examination))
    if html_file is not None:
        from lowres.stages.reporting.doctor import doctor_html

        html_file.parent.mkdir(parents=True, exist_ok=True)
        html_file.write_text(doctor_html(examination), encoding="utf-8", errors="replace")
    if fix_folder is not None:
        text += f"\n{_repaired(examination, fix_folder)}"
    return text, exit_code(examination)


def _examined(path: Path, label: str) -> Examination:
    layout = find_layout(path)
    with counting(label, num_images(layout)) as step:
        return examine(layout, on_progress=step)


def _repaired(examination: Examination, folder: Path) -> str:
    layout = examination.layout
    if not layout.detection:
        raise ValueError(f"{layout.root}: --fix copies detection data sets; this is {layout.kind} ({layout.why})")
    for finding in examination.findings:
        if finding.kind in MISREAD:
            told = KINDS[finding.kind]
            return (
                f"{folder}: no repaired copy, its boxes would be wrong: {finding.split}: {told.sentence}; {told.remedy}"
            )
    with whole_folder(folder) as work:
        with counting("repair", sum(len(split.images) for split in layout.splits)) as step:
            changes = write_repaired(examination, work, on_progress=step)
    again = _examined(folder, "examine the copy")
    return f"{folder}: repaired copy, {len(changes)} changes (changes.json); examined again: {verdict(again)}"


def _check_target(folder: Path, path: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"--fix {folder}: exists already; give a new folder")
    root = (path if path.is_dir() else path.parent).resolve()
    if folder.resolve().is_relative_to(root):
        raise ValueError(f"--fix {folder}: lies inside {root}; a repair is a copy, give a folder outside")
