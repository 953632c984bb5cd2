"""Write the locks of the image: every package that it holds, by exact version and by hash.

    make image-lock

`constraints.txt` decides the versions, uv finds what is needed and its hashes. `requirements.lock` serves both variants
of the image, `torch-cuda.lock` and `torch-cpu.lock` are what differs; `build.lock` builds what comes as source. The CPU
build of torch is hashed from the wheel that pip finds, so pip must know an index or a folder that has it.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy"
PLATFORM = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
ONLY_CUDA = re.compile(r"(torch|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==")
HEAD = "# Written by `make image-lock`.\n"


def resolved(extra: str) -> list[str]:
    """The whole lock, an entry per package: its version and its hashes, over several lines."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--extra",
        extra,
        "-c",
        "constraints.txt",
    ]
    command += [*PLATFORM, "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
    text = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.split(r"\n(?=\S)", text.rstrip("\n"))


def cpu_torch(version: str) -> str:
    """The entry of the CPU build, hashed from its wheel."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            scratch,
        ]
        subprocess.run([*command, f"torch=={version}+cpu"], check=True)
        (wheel,) = Path(scratch).iterdir()
        with wheel.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return f"torch=={version}+cpu \\\n    --hash=sha256:{sha256}"


def main() -> None:
    """Write the files."""
    entries = resolved("kubeflow")
    (torch,) = (entry for entry in entries if entry.startswith("torch=="))
    version = torch.split("==")[1].split()[0]
    files = {
        "build.lock": [entry for entry in entries if entry.startswith("setuptools==")],
        "requirements.lock": [entry for entry in entries if not ONLY_CUDA.match(entry)],
        "torch-cuda.lock": [entry for entry in entries if ONLY_CUDA.match(entry)],
        "torch-cpu.lock": [cpu_torch(version)],
    }
    for name, chosen in files.items():
        (FOLDER / name).write_text(HEAD + "\n".join(chosen) + "\n")
        print(f"deploy/{name}: {len(chosen)} packages")


if __name__ == "__main__":
    main()
