"""Tell a webhook how a pipeline ended. Nothing that goes wrong here fails the run."""

import json
import os
import urllib.error
import urllib.request
from http.client import HTTPException

WEBHOOK = "LOWRES_WEBHOOK"


def notify(*, state: str, run: str, message: str, timeout_s: float = 5.0) -> bool:
    """POST `{"text", "state", "run", "message"}` to the address in LOWRES_WEBHOOK; whether it was taken.

    The address is often a secret itself, so it comes from the environment and is never printed.
    """
    text = f"lowres: {run} {state}" + (f": {message}" if message else "")
    print(text)
    address = os.environ.get(WEBHOOK, "")
    if not address:
        print(f"{WEBHOOK} is not set: nobody is told")
        return False
    body = json.dumps({"text": text, "state": state, "run": run, "message": message}).encode()
    try:
        request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout_s):
            return True
    except (OSError, ValueError, HTTPException) as error:  # URLError and HTTPError are OSErrors
        reason = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
        print(f"the webhook of {WEBHOOK} took no message ({reason}); the run goes on")
        return False
