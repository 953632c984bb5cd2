"""`lowres pipeline schedule` against a server that speaks Kubeflow's REST API."""

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
pytest.importorskip("dvc", reason="DVC is not installed (pip install -e '.[dvc]')")
from lowres import pipeline_commands as commands

PINNED = f"registry.example/lowres@sha256:{'a' * 64}"


def create(**change):
    commands.schedule_create(**({"image": PINNED, "cron": "0 0 3 * * *", "name": "nightly"} | change))


def listed(capsys):
    capsys.readouterr()
    commands.schedule_list()
    return capsys.readouterr().out.splitlines()


def test_a_schedule_runs_one_at_a_time_without_catching_up_or_cache(kfp_server, clone):
    create()
    (made,) = kfp_server.state["recurringruns"].values()
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert (made["max_concurrency"], made["no_catchup"], made["mode"]) == (1, True, "ENABLE")
    assert made["runtime_config"]["parameters"]["remote"] == "s3://bucket/dvc"
    (version,) = kfp_server.state["versions"].values()
    tasks = version["pipeline_spec"]["pipeline_spec"]["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert not [name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")]


def test_as_nothing_comes_from_the_cache_files_of_a_claim_need_no_text_of_their_own(kfp_server, clone):
    create(prepare=True, data_claim="files")
    assert len(kfp_server.state["recurringruns"]) == 1


def test_it_is_paused_resumed_and_deleted_by_name_or_id(kfp_server, clone, capsys):
    create()
    (made,) = kfp_server.state["recurringruns"]
    assert listed(capsys) == [f"{made}  active  0 0 3 * * *           nightly"]
    commands.schedule_pause("nightly")
    assert "  paused  " in listed(capsys)[0]
    commands.schedule_resume(made)
    assert "  active  " in listed(capsys)[0]
    commands.schedule_delete("nightly")
    assert listed(capsys) == ["no schedules"]


def test_every_page_of_schedules_is_read(kfp_server, capsys):
    for number in range(120):
        kfp_server.state["recurringruns"][str(number)] = {
            "recurring_run_id": str(number),
            "display_name": f"one-{number}",
            "status": "DISABLED",
        }
    lines = listed(capsys)
    assert len(lines) == 120
    assert lines[-1] == "119  paused  -                     one-119"
    commands.schedule_delete("one-119")
    assert len(kfp_server.state["recurringruns"]) == 119


def test_a_name_that_is_taken_is_refused(kfp_server, clone):
    create()
    with pytest.raises(ValueError, match="'nightly' exists; delete it first"):
        create()
    assert len(kfp_server.state["recurringruns"]) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cron": "0 3 * * *"}, "has 5 fields; Kubeflow reads 6"),
        ({"gpus": 1, "gpu_type": ""}, "gpus: 1 without gpu_type"),
        ({"preset": "none"}, "no such preset"),
    ],
)
def test_bad_input_makes_nothing(kfp_server, clone, change, message):
    with pytest.raises(ValueError, match=message):
        create(**change)
    assert kfp_server.empty()


def test_a_server_that_refuses_is_left_as_it_was(kfp_server, clone):
    kfp_server.refuse("POST /recurringruns", 503)
    with pytest.raises(ValueError, match=r"make a schedule: .* refuses \(HTTP 503\)"):
        create()
    assert kfp_server.empty()


@pytest.mark.parametrize("request_", ["GET /recurringruns", "POST /recurringruns"])
def test_a_login_page_is_no_schedule(kfp_server, clone, request_):
    kfp_server.answers[request_] = (200, b"<html>log in</html>", "text/html")
    with pytest.raises(ValueError, match="answers with a page, not with its API"):
        create()
    assert kfp_server.empty()


def test_an_answer_that_names_no_schedule_is_no_schedule(kfp_server, clone):
    kfp_server.answers["POST /recurringruns"] = (200, b"{}", "application/json")
    with pytest.raises(ValueError, match="make a schedule: the server's answer names no id"):
        create()


def test_a_schedule_that_is_not_there_is_told_with_those_that_are(kfp_server, clone):
    create()
    with pytest.raises(ValueError, match="'weekly': no such name or id; there are nightly"):
        commands.schedule_pause("weekly")


def test_two_of_one_name_are_told_apart_by_id(kfp_server, clone):
    create()
    (made,) = kfp_server.state["recurringruns"].values()
    kfp_server.state["recurringruns"]["other"] = made | {"recurring_run_id": "other"}
    with pytest.raises(ValueError, match="2 have this name; name it by its id"):
        commands.schedule_delete("nightly")
    commands.schedule_delete("other")
