"""Tell a webhook how a pipeline ended. Nothing that goes wrong here fails the run."""

import json
import os
import urllib.error
import urllib.request
from http.client import HTTPException

WEBHOOK = "LOWRES_WEBHOOK"
# A cluster gives the states of its metadata store, kfp's local runner those of kfp.
_ENDED = {
    **dict.fromkeys(("SUCCEEDED", "COMPLETE", "CACHED"), "SUCCEEDED"),
    **dict.fromkeys(("FAILED", "CANCELED", "CANCELLED"), "FAILED"),
}


def notify(*, state: str, run: str, run_id: str, message: str, timeout_s: float = 5.0) -> bool:
    """POST `{"text", "state", "run", "run_id", "message"}` to the address in LOWRES_WEBHOOK; whether it was taken.

    The state is SUCCEEDED or FAILED; UNKNOWN where Kubeflow has another for the steps, as RUNNING after a pod has
    vanished, or on some servers after a loop that succeeded (kubeflow/pipelines#13321). A cluster gives neither the
    step that failed nor a message; the command that finds them stands for it.

    The address is often a secret itself, so it comes from the environment and is never printed.
    """
    ended = _ENDED.get(state, "UNKNOWN")
    if ended != "SUCCEEDED" and not message:
        message = f"see `lowres pipeline status {run_id}`"
    text = f"lowres: {run} {ended}" + (f": {message}" if message else "")
    print(text)
    address = os.environ.get(WEBHOOK, "")
    if not address:
        print(f"{WEBHOOK} is not set: nobody is told")
        return False
    told = {"text": text, "state": ended, "run": run, "run_id": run_id, "message": message}
    try:
        request = urllib.request.Request(
            address, data=json.dumps(told).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=timeout_s):
            return True
    except (OSError, ValueError, HTTPException) as error:  # URLError and HTTPError are OSErrors
        reason = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
        print(f"the webhook of {WEBHOOK} took no message ({reason}); the run goes on")
        return False
