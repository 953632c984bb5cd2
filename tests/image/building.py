"""Build the image where there is an engine, also on a machine whose registries are configured for pip alone."""

import functools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "python:3.11-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


def docker(*arguments: str, **options) -> subprocess.CompletedProcess:
    """The client that DOCKER names; its output comes back as text."""
    command = [os.environ.get("DOCKER", "docker"), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def why_not() -> str:
    """Why no image can be built here; empty where one can, once a base image is there, made here if need be."""
    if shutil.which(os.environ.get("DOCKER", "docker")) is None:
        return "no Docker client"
    if docker("info").returncode:
        return "no Docker engine answers"
    if docker("image", "inspect", BASE).returncode and docker("pull", BASE).returncode:
        if shutil.which("debootstrap") is None or os.geteuid() != 0:
            return f"{BASE} cannot be pulled, and there is no debootstrap (or no root) to make one"
        make_base()
    return ""


def make_base() -> None:
    """Debian's own Python as the base image, where no registry can be reached."""
    with tempfile.TemporaryDirectory() as scratch:
        root = f"{scratch}/root"
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root], check=True)
        pack = ["tar", "-C", root, "--exclude=./var/cache/apt", "--exclude=./var/lib/apt/lists", "-c", "."]
        take = [os.environ.get("DOCKER", "docker"), "import", "-c", f"ENV PATH={PATH}", "-", BASE]
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
            subprocess.run(take, check=True, stdin=tar.stdout)
        assert tar.returncode == 0, "tar failed"


def build_image(variant: str) -> subprocess.CompletedProcess:
    """`make image` with this machine's pip settings as secrets."""
    with tempfile.TemporaryDirectory() as scratch, pip_settings(Path(scratch)) as secrets:
        flags = ["--network=host", "--progress=plain", *(f"--secret id={name},src={path}" for name, path in secrets)]
        command = ["make", "image", f"VARIANT={variant}", f"DOCKER_FLAGS={' '.join(flags)}"]
        return subprocess.run(
            command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


@contextmanager
def pip_settings(folder: Path) -> Iterator[list[tuple[str, Path]]]:
    """Secrets for a build: a pip.conf like this machine's, its local folders of wheels served over HTTP, and its CAs."""
    settings = _settings()
    secrets = [("pip", folder / "pip.conf")]
    lines = ["[global]"]
    if cert := settings.pop("cert", ""):
        secrets.append(("ca", Path(cert)))
        lines.append("cert = /run/secrets/ca")
    servers = []
    links = []
    for place in settings.pop("find-links", "").split():
        if "://" not in place:
            servers.append(_serve(Path(place)))
            place = f"http://127.0.0.1:{servers[-1].server_address[1]}/"
        links.append(place)
    lines += [f"find-links = {' '.join(links)}"] if links else []
    lines += [f"{name} = {settings[name]}" for name in ("index-url",) if name in settings]
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")
    try:
        yield secrets
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _settings() -> dict[str, str]:
    """pip's own view of its settings; those of the environment come last and win."""
    listed = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    rows = [line.partition("=") for line in listed.stdout.splitlines()]
    rows.sort(key=lambda row: row[0].startswith(":env:"))
    return {name.split(".", 1)[-1]: value.strip("'\"") for name, _, value in rows}


def _serve(folder: Path) -> ThreadingHTTPServer:
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *arguments) -> None:
        pass
