"""Kubeflow's API server through `kfp.Client`: checked before use, every error one line, no secret in it.

The address comes from `--host` or kfp's own KF_PIPELINES_ENDPOINT. A token comes from LOWRES_KFP_TOKEN, the cookie of a
login page from LOWRES_KFP_COOKIE; neither is an option, since a command line is seen by all users of a machine.
"""

import io
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import kfp_server_api
import urllib3
from kfp import Client

TOKEN, COOKIE = "LOWRES_KFP_TOKEN", "LOWRES_KFP_COOKIE"
HOST, UI_HOST = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT"
WAIT_S = (10, 60)  # to connect, and for an answer; kfp itself would wait for ever
# The first that knows `runAsUser`, which every step here sets (kubeflow/pipelines#12832); an older server refuses the
# whole pipeline for it, and before 2.14.0 for the notifier, which asks how the run ended (#11953).
OLDEST = (2, 16, 0)
NEEDED = f"lowres needs Kubeflow Pipelines {'.'.join(map(str, OLDEST))} or later"


class NoAnswerError(ValueError):
    """The server was asked to change something, and may have done it."""


@dataclass(frozen=True)
class Server:
    """A server that answered. `namespace` is empty where the server has one user."""

    client: Client
    host: str
    namespace: str

    def run_url(self, run_id: str) -> str:
        """Where a browser shows a run."""
        return f"{(os.environ.get(UI_HOST) or self.host).rstrip('/')}/#/runs/details/{run_id}"

    @contextmanager
    def doing(self, what: str, *, changes: bool = True) -> Iterator[None]:
        """Turn what goes wrong inside into a ValueError that begins with `what`; kfp's own prints are kept back.

        It is a NoAnswerError where the request was sent and no answer came, unless it `changes` nothing.
        """
        with _told(what, self.host, changes=changes), redirect_stdout(io.StringIO()):
            yield


def open_server(host: str, namespace: str) -> Server:
    """Connect; empty texts mean the environment's host and no namespace.

    Raises:
        ValueError: no address, a wrong one, no answer, no v2beta1 API, a version that is too old, credentials that are
            refused or that no header can hold, no namespace where the server wants one.
    """
    host = _address(host or os.environ.get(HOST, ""))
    _check_environment()
    for noisy in ("urllib3", "kfp_server_api.rest"):  # retries one by one; bodies of answers
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with _told("connect", host, changes=False):
        multi_user = _check(host)
        if multi_user and not namespace:
            raise ValueError(f"{host} has several users; name your namespace with --namespace")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that it speaks v2 only
            client = Client(
                host=host,
                namespace=namespace,
                existing_token=os.environ.get(TOKEN) or None,
                cookies=os.environ.get(COOKIE) or None,
            )
    _guard(client.runs.run_service_get_run.__self__.api_client, host)
    return Server(client, host, namespace)


def _address(host: str) -> str:
    if not host:
        raise ValueError(f"no server is named; give --host https://... or set {HOST}")
    host = host if "://" in host else f"https://{host}"
    form = "write https://HOST, or https://HOST/pipeline"
    try:
        parts = urlsplit(host)
    except ValueError:  # its words repeat what stands before the host
        raise ValueError(f"the server's address cannot be read; {form}") from None
    if "@" in parts.netloc:
        raise ValueError(f"the server's address holds credentials; put a token in {TOKEN} or a cookie in {COOKIE}")
    if parts.query or parts.fragment:  # either can hold a token, so it is not repeated
        raise ValueError(f"the server's address has a query or a fragment; {form}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"--host {host!r} is no address of a server; {form}")
    return host.rstrip("/")


def _check_environment() -> None:
    """ValueError for secrets that Python's HTTP client would refuse and repeat, or that a run's URL would show."""
    for name in (TOKEN, COOKIE):
        value = os.environ.get(name, "")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"{name} has a line break or a letter that no HTTP header takes; set it anew")
    if re.search(r"[@?#]", os.environ.get(UI_HOST, "")):
        raise ValueError(f"{UI_HOST} holds credentials or a query, which would be printed; write https://HOST")


def _check(host: str) -> bool:
    """Whether the server has several users; refuses an old one. kfp's own check tries for 25 s and logs headers."""
    config = kfp_server_api.Configuration(host=host)
    config.retries = urllib3.Retry(total=1, redirect=3)
    if os.environ.get(TOKEN):
        config.api_key = {"authorization": os.environ[TOKEN]}
        config.api_key_prefix = {"authorization": "Bearer"}
    api = kfp_server_api.HealthzServiceApi(kfp_server_api.ApiClient(config, cookie=os.environ.get(COOKIE) or None))
    _guard(api.api_client, host)
    try:
        answer = api.healthz_service_get_healthz()
    except kfp_server_api.ApiException as error:
        if error.status in (404, 501):
            raise ValueError(f"{host} has no v2beta1 API (HTTP {error.status}); {NEEDED} there") from None
        raise
    _require_version(host, json.loads(api.api_client.last_response.data))
    return bool(answer.multi_user)


def _require_version(host: str, told: dict[str, Any]) -> None:
    """ValueError where `told`, what healthz says, names a version that is too old; some builds name none."""
    # The API server's own name for it, and that of the page's server, which passes it on.
    version = str(told.get("tag_name") or told.get("apiServerTagName") or "")
    numbers = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    if numbers and tuple(map(int, numbers.groups())) < OLDEST:
        raise ValueError(f"{host} is Kubeflow Pipelines {version}; {NEEDED} there")


def _guard(api_client: kfp_server_api.ApiClient, host: str) -> None:
    """Bound the wait for an answer, and refuse one that is no JSON object: kfp would take it for an empty one."""
    rest = api_client.rest_client
    request = rest.request

    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            answer = request(*arguments, **(named | {"_request_timeout": named.get("_request_timeout") or WAIT_S}))
        except kfp_server_api.ApiException as error:
            if error.body is not None:  # kfp decodes it, and fails on a page in another encoding
                error.body = error.body.decode(errors="replace").encode()
            raise
        try:
            told = json.loads(answer.data)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ValueError(
                f"{host} answers with a page, not with its API: a login page, or another address; "
                f"set {TOKEN} or {COOKIE} anew, or correct --host"
            )
        return answer

    rest.request = guarded


@contextmanager
def _told(what: str, host: str, *, changes: bool) -> Iterator[None]:
    # "from None": the original holds the headers of the request or of the answer.
    done = "and may have done it all the same; look at its pages first"
    try:
        yield
    except kfp_server_api.ApiException as error:
        if changes and error.status in (502, 504):  # of a gateway that waited for the server
            raise NoAnswerError(f"{what}: {host} gave no answer (HTTP {error.status}), {done}") from None
        raise ValueError(f"{what}: {_meaning(error, host)}") from None
    except urllib3.exceptions.HTTPError as error:
        cause = getattr(error, "reason", None) or error
        kind = type(cause).__name__
        silent = isinstance(cause, urllib3.exceptions.ReadTimeoutError | urllib3.exceptions.ProtocolError)
        if silent and changes:
            raise NoAnswerError(f"{what}: {host} gave no answer ({kind}), {done}") from None
        raise ValueError(
            f"{what}: cannot reach {host} ({kind}); check --host and the network, or the port that is forwarded"
        ) from None


def _meaning(error: kfp_server_api.ApiException, host: str) -> str:
    status = error.status
    if status in (401, 403):
        return f"{host} does not accept the credentials (HTTP {status}), or they have expired; set {TOKEN} anew"
    if status == 404:
        return f"{host} knows no such thing (HTTP 404)"
    if not status and str(error.reason).startswith("Failed to parse"):  # a date that is none
        return f"{host} answers what is not of its API; check its version"
    if not status:
        return f"the TLS connection to {host} failed; check the address and the certificate"
    said = _said(error.body)
    return f"{host} refuses (HTTP {status})" + (f": {said}" if said else "")


def _said(body: Any) -> str:
    """The server's own short message, without what we must not show."""
    try:
        answer = json.loads(body)
        text = str(answer.get("message") or answer.get("error") or "")
    except (ValueError, TypeError, AttributeError):
        return ""
    token, cookies = os.environ.get(TOKEN, ""), os.environ.get(COOKIE, "")
    each = [cookie.partition("=")[2].strip() for cookie in cookies.split(";")]
    for secret in (token, token.strip(), cookies, *(value for value in each if len(value) >= 8)):
        text = text.replace(secret, "***") if secret else text
    return " ".join(text.split())[:300]
