"""`lowres pipeline submit` and `status` against a server that speaks Kubeflow's REST API, and a bucket."""

import json
import re

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
pytest.importorskip("dvc", reason="DVC is not installed (pip install -e '.[dvc]')")
from tests.pipelines import fake_kfp
from tests.stages.small import small_params, write_params

from lowres import pipeline_commands

PINNED = f"registry.example/lowres@sha256:{'a' * 64}"


def submit(**change):
    pipeline_commands.submit(**({"image": PINNED} | change))


def only(server, kind):
    (one,) = server.state[kind].values()
    return one


def test_a_run_is_started_with_the_md5_of_dvc_lock_and_its_url_comes_last(kfp_server, clone, s3, capsys):
    submit()
    run = only(kfp_server, "runs")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{kfp_server.url}/#/runs/details/{run['run_id']}"
    given = run["runtime_config"]["parameters"]
    md5 = re.search(r"path: outputs/data\n +hash: md5\n +md5: (\w+\.dir)", (clone / "dvc.lock").read_text())[1]
    assert (given["data_md5"], given["remote"], given["remote_endpoint"]) == (md5, "s3://bucket/dvc", s3.url)
    assert given["publish_to"] == "s3://bucket/lowres-runs"
    assert json.loads(given["params_file"]) == (clone / "params.yaml").read_text()
    assert run["experiment_id"] == only(kfp_server, "experiments")["experiment_id"]
    steps = only(kfp_server, "versions")["pipeline_spec"]["pipeline_spec"]["components"]["comp-exit-handler-1"]
    assert {"fetch", "publish"} < steps["dag"]["tasks"].keys()


def test_the_same_pipeline_is_uploaded_once_another_again(kfp_server, clone):
    submit()
    submit()
    assert [len(kfp_server.state[kind]) for kind in ("experiments", "pipelines", "versions", "runs")] == [1, 1, 1, 2]
    submit(retries=5)
    assert [len(kfp_server.state[kind]) for kind in ("experiments", "pipelines", "versions", "runs")] == [1, 1, 2, 3]


def test_pods_may_see_the_store_elsewhere_and_results_go_where_asked(kfp_server, clone):
    submit(pod_endpoint="http://minio.minio:9000", publish_to="s3://results/mine")
    given = only(kfp_server, "runs")["runtime_config"]["parameters"]
    assert given["remote_endpoint"] == "http://minio.minio:9000"
    assert given["publish_to"] == "s3://results/mine"


def test_the_cluster_may_prepare_the_data(kfp_server, clone):
    (clone / "dvc.lock").unlink()
    submit(prepare=True, source_md5="0f")
    given = only(kfp_server, "runs")["runtime_config"]["parameters"]
    assert "data_md5" not in given
    assert given["source_md5"] == "0f"
    assert given["publish_to"] == "s3://bucket/lowres-runs"
    tasks = only(kfp_server, "versions")["pipeline_spec"]["pipeline_spec"]["components"]["comp-exit-handler-1"]["dag"]
    assert "prepare" in tasks["tasks"]


def test_files_of_a_claim_that_have_a_text_of_their_own_are_prepared(kfp_server, clone):
    submit(prepare=True, data_claim="files", source_md5="0f")
    assert only(kfp_server, "runs")["runtime_config"]["parameters"]["source_md5"] == "0f"


def test_a_sweep_is_a_pipeline_of_its_own_with_the_same_data_and_publishes_nothing(kfp_server, clone, capsys):
    submit()
    submit(sweep="area,learned", seeds="0,3", parallel=2)
    assert sorted(entry["display_name"] for entry in kfp_server.state["pipelines"].values()) == [
        "lowres-sweep",
        "lowres-training",
    ]
    one, sweep = (run["runtime_config"]["parameters"] for run in kfp_server.state["runs"].values())
    assert sweep["data_md5"] == one["data_md5"]
    assert "publish_to" not in sweep
    assert "not published" in capsys.readouterr().out
    (spec,) = [
        version["pipeline_spec"]["pipeline_spec"]
        for version in kfp_server.state["versions"].values()
        if version["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "lowres-sweep"
    ]
    (loop,) = [
        task
        for part in spec["components"].values()
        for task in part.get("dag", {}).get("tasks", {}).values()
        if "parameterIterator" in task
    ]
    items = json.loads(loop["parameterIterator"]["items"]["raw"])
    assert [(item["kind"], item["seed"]) for item in items] == [
        ("area", "0"),
        ("learned", "0"),
        ("area", "3"),
        ("learned", "3"),
    ]


def test_a_namespace_is_needed_where_the_server_has_several_users(kfp_server, clone):
    kfp_server.multi_user = True
    with pytest.raises(ValueError, match="several users; name your namespace with --namespace"):
        submit()
    submit(namespace="me")
    submit(namespace="me")
    assert only(kfp_server, "experiments")["namespace"] == only(kfp_server, "pipelines")["namespace"] == "me"


def no_remote(kfp, clone, s3):
    (clone / ".dvc/config").write_text("")


def no_lock(kfp, clone, s3):
    (clone / "dvc.lock").unlink()


def lock_in_conflict(kfp, clone, s3):
    (clone / "dvc.lock").write_text("<<<<<<< HEAD\nschema: '2.0'\n=======\n")


def no_stages(kfp, clone, s3):
    (clone / "dvc.yaml").write_text("stages: {}\n")


def bucket_without_data(kfp, clone, s3):
    s3.objects.clear()


def bucket_without_a_file(kfp, clone, s3):
    del s3.objects[next(name for name in s3.objects if not name.endswith(".dir"))]


def other_data_section(kfp, clone, s3):
    values = small_params()
    values["data"]["source"]["num_train"] = 13
    write_params(clone / "params.yaml", values)


def other_code(kfp, clone, s3):
    (clone / "src/lowres/data/new.py").write_text("")


def expired_credentials(kfp, clone, s3):
    s3.refuse_with = "ExpiredToken"


def other_version(kfp, clone, s3):
    kfp.only_v1 = True


def old_version(kfp, clone, s3):
    kfp.version = "2.15.2"


def old_version_behind_its_page(kfp, clone, s3):
    kfp.version, kfp.behind_page = "v2.5.0", True


def login_page(kfp, clone, s3):
    kfp.login_page = True


def expired_token(kfp, clone, s3):
    kfp.token = "another"


def server_gone(kfp, clone, s3):
    kfp.server.server_close()


def local_remote(kfp, clone, s3):
    (clone / ".dvc/config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = /somewhere\n")


def wrong_config(kfp, clone, s3):
    (clone / ".dvc/config").write_text("['remote \"store\"']\n    url = /somewhere\n    nonsense = 1\n")


@pytest.mark.parametrize(
    ("spoil", "change", "message"),
    [
        (None, {"preset": "thumbdet-dem"}, "no such preset; did you mean thumbdet-demo"),
        (None, {"preset": "thumbdet-demo"}, "dvc.lock has data of another `data` section than"),
        (None, {"image": "lowres:latest"}, "not pinned"),
        (None, {"source_md5": "0f"}, "give --prepare with it"),
        (None, {"prepare": True, "data_claim": "files"}, "--data-claim: Kubeflow's cache cannot .* give --source-md5"),
        (None, {"data_claim": "files"}, "--data-claim: the run fetches its data"),
        (None, {"gpus": 1, "gpu_type": ""}, "gpus: 1 without gpu_type"),
        (None, {"remote": "stor"}, "remote 'stor': DVC has no such remote; there are store"),
        (None, {"publish_to": "/here"}, "no S3 address"),
        (None, {"pod_endpoint": "minio:9000"}, "is not http://HOST:PORT"),
        (None, {"host": "https://me:secret@host"}, "address holds credentials"),
        (None, {"host": "http://127.0.0.1:9/?token=t0ken"}, "address has a query or a fragment; write [^=]*$"),
        (None, {"host": "http://[::1"}, "the server's address cannot be read; write https://HOST"),
        (None, {"host": "ftp://127.0.0.1:9"}, "is no address of a server"),
        (no_remote, {}, "DVC has no default remote; `dvc remote add"),
        (local_remote, {}, "no s3:// address; pods fetch from S3 only"),
        (wrong_config, {}, "DVC cannot be used here: config file error"),
        (no_lock, {}, "dvc.lock names no data; run `dvc repro prepare` and `dvc push`"),
        (lock_in_conflict, {}, "DVC cannot be used here: unable to read: 'dvc.lock'"),
        (no_stages, {}, "DVC cannot be used here: Stage 'prepare' not found"),
        (bucket_without_data, {}, "no such object; run `dvc push`"),
        (bucket_without_a_file, {}, "no such object, and 0 more of the .* run `dvc push`"),
        (other_data_section, {}, "another `data` section"),
        (other_code, {}, "src/lowres/data: has changed since"),
        (expired_credentials, {}, r"the credentials have expired \(ExpiredToken\)"),
        (other_version, {}, r"no v2beta1 API \(HTTP 404\); lowres needs Kubeflow Pipelines 2\.16\.0 or later"),
        (old_version, {}, r"is Kubeflow Pipelines 2\.15\.2; lowres needs Kubeflow Pipelines 2\.16\.0 or later there"),
        (old_version_behind_its_page, {}, r"is Kubeflow Pipelines v2\.5\.0; lowres needs"),
        (login_page, {}, "answers with a page, not with its API"),
        (expired_token, {}, r"does not accept the credentials \(HTTP 401\), or they have expired"),
        (server_gone, {}, "connect: cannot reach http://127.0.0.1:"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_submitted(kfp_server, clone, s3, spoil, change, message):
    if spoil:
        spoil(kfp_server, clone, s3)
    with pytest.raises(ValueError, match=message) as told:
        submit(**change)
    assert "\n" not in str(told.value)
    assert kfp_server.empty()


@pytest.mark.parametrize("version", ["2.16.0", "v2.17.1-rc.0", "2.100.0", "3.0.0", "unknown", "master-0a1b", ""])
@pytest.mark.parametrize("behind_page", [False, True])
def test_a_version_that_is_not_known_to_be_too_old_passes(kfp_server, capsys, version, behind_page):
    kfp_server.version, kfp_server.behind_page = version, behind_page
    pipeline_commands.schedule_list()
    assert capsys.readouterr().out == "no schedules\n"


@pytest.mark.parametrize("request_", ["POST /pipelines", "POST /pipelines/upload_version", "POST /runs"])
def test_a_server_that_fails_half_way_is_left_as_it_was(kfp_server, clone, request_):
    kfp_server.refuse(request_, 500, "database is locked")
    with pytest.raises(ValueError, match=r"refuses \(HTTP 500\): database is locked"):
        submit()
    assert kfp_server.empty()


EVERY_REQUEST = [f"{way} /{kind}" for kind in ("experiments", "pipelines") for way in ("GET", "POST")]
EVERY_REQUEST += ["POST /pipelines/upload_version", "POST /runs"]


@pytest.mark.parametrize("request_", EVERY_REQUEST)
def test_a_login_that_ends_half_way_is_told_and_leaves_nothing(kfp_server, clone, request_):
    kfp_server.answers[request_] = (200, b"<html>log in</html>", "text/html")
    with pytest.raises(ValueError, match="answers with a page, not with its API"):
        submit()
    assert kfp_server.empty()


def test_status_of_a_run_does_not_take_a_page_for_one(kfp_server):
    kfp_server.answers["GET /runs/r"] = (200, b"<html>log in</html>", "text/html")
    with pytest.raises(ValueError, match="answers with a page"):
        pipeline_commands.status("r")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"OK"', b'{"multi_user": tr'])
def test_a_server_that_is_healthy_in_another_form_is_told(kfp_server, body):
    kfp_server.answers["GET /healthz"] = (200, body, "application/json")
    with pytest.raises(ValueError, match="answers with a page, not with its API: a login page, or another address"):
        pipeline_commands.schedule_list()


def test_an_answer_with_a_date_that_is_none_is_no_fault_of_the_certificate(kfp_server):
    kfp_server.answers["GET /runs/r"] = (200, b'{"created_at": "yesterday"}', "application/json")
    with pytest.raises(ValueError, match="answers what is not of its API; check its version"):
        pipeline_commands.status("r")


def test_what_cannot_be_taken_back_is_named(kfp_server, clone, monkeypatch):
    def refused(self, body, id):
        raise KeyError(id)

    kfp_server.refuse("POST /runs", 500, "database is locked")
    monkeypatch.setitem(fake_kfp.ROUTES, r"DELETE /experiments/(?P<id>[^/:]+)", refused)
    with pytest.raises(ValueError, match=r"database is locked; experiment 'lowres' stays on the server$"):
        submit()
    assert [len(kfp_server.state[kind]) for kind in ("experiments", "pipelines", "versions", "runs")] == [1, 0, 0, 0]


def test_what_stays_after_a_key_that_interrupts_is_named_too(kfp_server, clone, monkeypatch):
    def press(*unused, **named):
        kfp_server.only_v1 = True  # so that nothing is taken back
        raise KeyboardInterrupt

    monkeypatch.setattr("kfp.Client.run_pipeline", press)
    with pytest.raises(ValueError, match=r"^KeyboardInterrupt; its version '.*' stays on the server; "):
        submit()


def test_a_run_that_may_have_begun_although_its_answer_is_lost_is_told(kfp_server, clone):
    kfp_server.lost.add("POST /runs")
    with pytest.raises(ValueError, match=r"start a run: .* gave no answer \(ProtocolError\), and may have done it all"):
        submit()
    assert len(kfp_server.state["runs"]) == 1


@pytest.mark.parametrize("status", [None, 502, 504])
def test_what_a_run_that_may_have_begun_refers_to_stays_and_is_named(kfp_server, clone, status):
    kfp_server.lost.add("POST /runs")
    if status:  # of a gateway that has waited for long enough
        kfp_server.answers["POST /runs"] = (status, b"<html>timeout</html>", "text/html")
    with pytest.raises(
        ValueError, match=r"may have done it all the same; .*; its version '.*' stays on the server; "
    ) as e:
        submit()
    assert str(e.value).endswith(
        "; pipeline 'lowres-training' stays on the server; experiment 'lowres' stays on the server"
    )
    assert [len(kfp_server.state[kind]) for kind in ("experiments", "pipelines", "versions")] == [1, 1, 1]


@pytest.mark.parametrize("request_", ["GET /experiments", "GET /runs/r"])
def test_a_question_without_an_answer_has_done_nothing(kfp_server, clone, request_):
    kfp_server.lost.add(request_)
    kfp_server.state["runs"]["r"] = {"run_id": "r"}
    with pytest.raises(ValueError, match=r"look up .*: cannot reach http://127.0.0.1:\d+ \(ProtocolError\); check"):
        submit() if request_ == "GET /experiments" else pipeline_commands.status("r")


@pytest.mark.parametrize("status", [500, 200])
def test_a_page_in_another_encoding_is_told_as_any_other(kfp_server, status):
    kfp_server.answers["GET /runs/r"] = (status, "<html>Störung</html>".encode("latin-1"), "text/html")
    with pytest.raises(ValueError, match=r"refuses \(HTTP 500\)$" if status == 500 else "answers with a page"):
        pipeline_commands.status("r")


def test_an_answer_that_names_no_run_is_no_run(kfp_server, clone):
    kfp_server.answers["POST /runs"] = (200, b"{}", "application/json")
    with pytest.raises(ValueError, match="start a run: the server's answer names no id"):
        submit()


def test_what_was_there_before_stays_when_a_run_is_refused(kfp_server, clone):
    submit()
    kfp_server.refuse("POST /runs", 500)
    with pytest.raises(ValueError, match="start a run"):
        submit(retries=5)
    assert [len(kfp_server.state[kind]) for kind in ("experiments", "pipelines", "versions", "runs")] == [1, 1, 1, 1]


NOT_ENDED = "0001-01-01T00:00:00Z"


def at(second):
    return f"2026-01-01T00:00:{second:02d}Z"


def task(name, state, start=0, end=None):
    """A node as the API server sends it: what has not ended ends at Go's zero time; no parent, no error is ever set."""
    return {
        "run_id": "run",
        "task_id": f"{name}-{start}-{end}",
        "display_name": name,
        "create_time": at(0),
        "start_time": at(start),
        "end_time": NOT_ENDED if end is None else at(end),
        "state": state,
        "child_tasks": [{"pod_name": "lowres-training-x7k2p-1234567890"}],
    }


def told_of(run, tasks, capsys):
    """What `status` prints of a run with these nodes."""
    run["state"], run["run_details"] = "RUNNING", {"task_details": tasks}
    capsys.readouterr()
    pipeline_commands.status(run["run_id"])
    return capsys.readouterr().out.splitlines()


def test_status_tells_each_step_in_order(kfp_server, clone, capsys):
    submit()
    run = only(kfp_server, "runs")
    tasks = [
        task("lowres-training-x7k2p", "RUNNING"),
        task("teacher", "RUNNING", 9),
        task("fetch-driver", "SUCCEEDED", 1, 2),
        task("fetch", "SUCCEEDED", 2, 9),
        task("executor", "SUCCEEDED", 2, 9),
    ]
    assert told_of(run, tasks, capsys) == [
        f"{run['display_name']}: RUNNING",
        "  fetch        SUCCEEDED       7 s",
        "  teacher      RUNNING",
        f"{kfp_server.url}/#/runs/details/{run['run_id']}",
    ]


def test_a_run_that_failed_ends_with_1_and_says_where_the_reason_is(kfp_server, clone, capsys):
    submit()
    run = only(kfp_server, "runs")
    run["state"] = "FAILED"
    run["run_details"] = {"task_details": [task("teacher", "FAILED", 20, 30), task("executor", "FAILED", 20, 30)]}
    capsys.readouterr()
    with pytest.raises(SystemExit, match="1"):
        pipeline_commands.status(run["run_id"])
    assert capsys.readouterr().out.splitlines()[1:3] == [
        "  teacher      FAILED         10 s",
        "why: the last line of the log of teacher; on the page, choose the step, then Logs",
    ]


def test_status_counts_the_variants_of_a_sweep(kfp_server, clone, capsys):
    submit(sweep="area,bicubic", seeds="0,1")
    tasks = [
        task("teacher", "SUCCEEDED", 0, 20),
        task("students", "RUNNING", 20),
        *[task("downsampler", "SUCCEEDED", 20, 21)] * 4,
        task("distill", "SUCCEEDED", 21, 50),
        task("distill", "SUCCEEDED", 31, 50),
        task("distill", "FAILED", 21, 55),
        task("distill", "RUNNING", 50),
    ]
    lines = told_of(only(kfp_server, "runs"), tasks, capsys)
    assert [line.split() for line in lines[1:4]] == [
        ["teacher", "SUCCEEDED", "20", "s"],
        ["downsampler", "4", "SUCCEEDED"],
        ["distill", "1", "FAILED,", "1", "RUNNING,", "2", "SUCCEEDED"],
    ]
    assert lines[4].startswith("why: the last line of the log of distill;")


def test_a_run_that_is_not_there_is_told(kfp_server):
    with pytest.raises(ValueError, match=r"run 'nothing': .* has no such run; copy its id from the URL"):
        pipeline_commands.status("nothing")


def test_without_an_address_the_option_is_named(monkeypatch):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    with pytest.raises(ValueError, match="no server is named; give --host"):
        pipeline_commands.status("nothing")
