"""Kubeflow's API server over HTTP, in a thread: the part of the v2beta1 REST API that `kfp.Client` uses here.

It keeps state, checks every body against the models of kfp_server_api, and refuses unknown fields and wrong types, as
the real one does. Runs do not run: a test sets their state.
"""

import json
import re
import threading
import uuid
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api.models
from google.protobuf.json_format import ParseDict
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec
from ruamel.yaml import YAML

API = "/apis/v2beta1"
NATIVE = {"str": str, "int": int, "bool": bool, "float": float, "datetime": str, "object": object}


class FakeKfp:
    def __init__(self) -> None:
        self.state: dict[str, dict[str, dict]] = {
            kind: {} for kind in ("experiments", "pipelines", "versions", "runs", "recurringruns")
        }
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.multi_user = False
        self.token = ""  # the only one that is accepted; empty accepts all
        self.answers: dict[str, tuple[int, bytes, str]] = {}  # "METHOD /path" -> what to answer in place of acting
        self.lost: set[str] = set()  # "METHOD /path": acted on, and the connection ends in place of an answer
        self.only_v1 = False
        self.version = "2.17.0"
        self.behind_page = False  # healthz is answered by the server of the page, which has names of its own
        self.login_page = False
        handler = type("Handler", (_Handler,), {"kfp": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "FakeKfp":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *unused) -> None:
        self.server.shutdown()
        self.server.server_close()

    def refuse(self, request: str, status: int, message: str = "planted") -> None:
        self.answers[request] = (status, json.dumps({"error": message}).encode(), "application/json")

    def empty(self) -> bool:
        return not any(self.state.values())


def check(value: Any, kind: str, where: str) -> None:
    """Refuse what the model does not know: unknown fields, values of another type."""
    if kind.startswith("list["):
        _require(isinstance(value, list), where, kind)
        for index, one in enumerate(value):
            check(one, kind[5:-1], f"{where}[{index}]")
    elif kind.startswith("dict("):
        _require(isinstance(value, dict), where, kind)
        for key, one in value.items():
            check(one, kind.removeprefix("dict(str, ")[:-1], f"{where}.{key}")
    elif kind in NATIVE:
        number = kind == "str" and type(value) is int and where.endswith("max_concurrency")  # int64 may be either
        _require(isinstance(value, NATIVE[kind]) or number, where, kind)
    else:
        model = getattr(kfp_server_api.models, kind)
        if hasattr(model, "allowable_values"):
            return _require(value in model.allowable_values, where, kind)
        _require(isinstance(value, dict), where, kind)
        fields = {model.attribute_map[name]: given for name, given in model.openapi_types.items()}
        for key, one in value.items():
            _require(key in fields, f"{where}.{key}", "a known field")
            check(one, fields[key], f"{where}.{key}")
    return None


def _require(true: bool, where: str, kind: str) -> None:
    if not true:
        raise ValueError(f"{where} is not {kind}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms behind its headers
    kfp: FakeKfp

    def log_message(self, format, *arguments) -> None:
        pass

    def do(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = f"{self.command} {parts.path.removeprefix(API)}"
        self.kfp.requests.append((self.command, parts.path.removeprefix(API)))
        self.kfp.headers.append(dict(self.headers))
        if self.kfp.login_page:
            return self.answer(200, b"<html>log in</html>", "text/html")
        if self.kfp.token and self.headers.get("authorization") != f"Bearer {self.kfp.token}":
            return self.error(401, "Unauthenticated")
        if self.kfp.only_v1 or not parts.path.startswith(API):
            return self.error(404, "Not Found")
        if request in self.kfp.answers:
            return self.answer(*self.kfp.answers[request])
        for pattern, act in ROUTES.items():
            matched = re.fullmatch(pattern, request)
            if matched:
                try:
                    done = act(self, body, **matched.groupdict())
                    if request in self.kfp.lost:
                        self.close_connection = True
                        return None
                    return self.json(done)
                except KeyError as missing:
                    return self.error(404, f"{missing} not found")
                except ValueError as wrong:
                    return self.error(400, f"Invalid input error: {wrong}")
        return self.error(501, f"the fake does not know {request}")

    do_GET = do_POST = do_DELETE = do

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: dict, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), "application/json")

    def error(self, status: int, message: str) -> None:
        self.json({"error": message, "code": status, "message": message}, status)

    def healthz(self, body: bytes) -> dict:
        told = {"commit_sha": "0" * 40, "tag_name": self.kfp.version, "multi_user": self.kfp.multi_user}
        if not self.kfp.behind_page:
            return told | {"pipeline_store": "database"}
        return {"apiServerTagName": self.kfp.version, "frontendTagName": "2.17.0", "multi_user": told["multi_user"]}

    def made(self, kind: str, model: str, key: str, body: bytes, **more: Any) -> dict:
        value = json.loads(body)
        check(value, model, model)
        name = value.get("display_name")
        if not name:
            raise ValueError("display_name is empty")
        if kind in ("experiments", "pipelines") and any(one["display_name"] == name for one in self.all(kind)):
            raise ValueError(f"{name} exists")
        value |= {key: str(uuid.uuid4()), "created_at": datetime.now(UTC).isoformat(), **more}
        self.kfp.state[kind][value[key]] = value
        return value

    def all(self, kind: str) -> list[dict]:
        return list(self.kfp.state[kind].values())

    def listed(self, kind: str, field: str, within: Any = lambda one: True) -> dict:
        if self.kfp.multi_user and kind == "experiments" and not self.query.get("namespace"):
            raise ValueError("a namespace is needed")
        found = [one for one in self.all(kind) if within(one)]
        if kind == "pipelines":
            found = [one for one in found if one.get("namespace", "") == self.query.get("namespace", "")]
        for predicate in json.loads(self.query.get("filter") or '{"predicates": []}')["predicates"]:
            if predicate["operation"] != 1:
                raise ValueError(f"operation {predicate['operation']}")
            found = [one for one in found if one[predicate["key"]] == predicate["stringValue"]]
        first, size = int(self.query.get("page_token") or 0), int(self.query.get("page_size") or 10)
        more = {"next_page_token": str(first + size)} if first + size < len(found) else {}
        return {field: found[first : first + size], "total_size": len(found), **more}

    def make_version(self, body: bytes) -> dict:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + body).get_payload()
        spec, platform = YAML(typ="safe").load_all(part.get_payload(decode=True).decode())
        ParseDict(spec, PipelineSpec())
        self.kfp.state["pipelines"][self.query["pipelineid"]]  # must exist
        value = {
            "pipeline_id": self.query["pipelineid"],
            "pipeline_version_id": str(uuid.uuid4()),
            "display_name": self.query["name"],
            "pipeline_spec": {"pipeline_spec": spec, "platform_spec": platform},
        }
        self.kfp.state["versions"][value["pipeline_version_id"]] = value
        return value

    def check_job(self, body: bytes) -> None:
        """What a run refers to exists, and its parameters are those of the pipeline."""
        value = json.loads(body)
        self.kfp.state["experiments"][value["experiment_id"]]
        version = self.kfp.state["versions"][value["pipeline_version_reference"]["pipeline_version_id"]]
        known = version["pipeline_spec"]["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        unknown = set(value["runtime_config"].get("parameters", {})) - set(known)
        if unknown:
            raise ValueError(f"parameters {sorted(unknown)}")

    def make_run(self, body: bytes) -> dict:
        self.check_job(body)
        return self.made("runs", "V2beta1Run", "run_id", body, state="PENDING")

    def make_recurring(self, body: bytes) -> dict:
        self.check_job(body)
        trigger = json.loads(body).get("trigger", {})
        if len(trigger.get("cron_schedule", {}).get("cron", "").split()) != 6:
            raise ValueError("cron must have 6 fields")
        return self.made("recurringruns", "V2beta1RecurringRun", "recurring_run_id", body, status="ENABLED")

    def switch(self, body: bytes, id: str, mode: str) -> dict:
        self.kfp.state["recurringruns"][id] |= {
            "mode": mode.upper(),
            "status": f"{mode.upper()}D",
        }
        return {}

    def removed(self, kind: str, id: str) -> dict:
        del self.kfp.state[kind][id]
        return {}


ROUTES: dict[str, Any] = {
    r"GET /healthz": _Handler.healthz,
    r"GET /experiments": lambda self, body: self.listed("experiments", "experiments"),
    r"POST /experiments": lambda self, body: self.made("experiments", "V2beta1Experiment", "experiment_id", body),
    r"DELETE /experiments/(?P<id>[^/:]+)": lambda self, body, id: self.removed("experiments", id),
    r"GET /pipelines": lambda self, body: self.listed("pipelines", "pipelines"),
    r"POST /pipelines": lambda self, body: self.made("pipelines", "V2beta1Pipeline", "pipeline_id", body),
    r"DELETE /pipelines/(?P<id>[^/:]+)": lambda self, body, id: self.removed("pipelines", id),
    r"POST /pipelines/upload_version": _Handler.make_version,
    r"GET /pipelines/(?P<id>[^/:]+)/versions": lambda self, body, id: self.listed(
        "versions", "pipeline_versions", lambda one: one["pipeline_id"] == id
    ),
    r"DELETE /pipelines/[^/:]+/versions/(?P<id>[^/:]+)": lambda self, body, id: self.removed("versions", id),
    r"POST /runs": _Handler.make_run,
    r"GET /runs/(?P<id>[^/:]+)": lambda self, body, id: self.kfp.state["runs"][id],
    r"POST /recurringruns": _Handler.make_recurring,
    r"GET /recurringruns": lambda self, body: self.listed("recurringruns", "recurringRuns"),
    r"POST /recurringruns/(?P<id>[^/:]+):(?P<mode>enable|disable)": _Handler.switch,
    r"DELETE /recurringruns/(?P<id>[^/:]+)": lambda self, body, id: self.removed("recurringruns", id),
}
