"""Where the steps of a pipeline run and what they may use. All of it is fixed when a pipeline is compiled.

Steps that run networks get GPUs (trainings all of them, evaluate one), the node selector, the tolerations and the
shared memory; the others run on any node. A GPU count of zero leaves a pipeline that runs on CPUs alone.
"""

import re
from dataclasses import dataclass, field

from kfp import kubernetes
from kfp.dsl import PipelineTask

from lowres.steps.gpus import GPUS
from lowres.steps.mirroring import MIRROR
from lowres.storage.address import check_endpoint, split_address
from pipelines.quantities import cores, size_bytes

# Of the image: where steps run, so where checkpoints and the sources' relative paths are.
WORK_FOLDER = "/lowres"
# Keys of the secret for the bucket, which are also the variables that boto3 reads.
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")
LONGEST_S = 2**31 - 1  # of Kubernetes' activeDeadlineSeconds
_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*")
# Of a claim: Kubeflow names the pod's volume after it, beside those that steps have already.
_VOLUME = re.compile(rf"(?=.{{1,63}}$)(?!(tmp|shm)$){_PART}")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """`image` is pinned by digest: its string is part of the key of Kubeflow's cache, and code that changes must miss.

    `checkpoint_claim` and `data_claim` name volume claims for checkpoints (a new run of the same work resumes) and for
    the files of a data source. `checkpoint_mirror` is an S3 address for copies of checkpoints: a new run resumes also
    where its volume is lost, or where there is none; `store_endpoint` is its store where it is not AWS.

    Secrets are named, never held: `webhook_secret` has the key `url`, which is told how a run ended; the keys of
    `store_secret` are AWS's variables, for steps that use a bucket, and a pod that has a role needs none; `pull_secret`
    is the registry's login, where it wants one. `cache` is false where each run must do its work again.
    """

    image: str
    gpus: int = 0
    gpu_type: str = "nvidia.com/gpu"
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[dict[str, str]] = field(default_factory=list)
    cpu_request: str = "2"
    cpu_limit: str = "8"
    memory_request: str = "8Gi"
    memory_limit: str = "16Gi"
    shared_memory: str = "4Gi"
    timeout_hours: float = 24.0
    retries: int = 2
    user_id: int = 1000
    checkpoint_claim: str = ""
    data_claim: str = ""
    checkpoint_mirror: str = ""
    store_endpoint: str = ""
    webhook_secret: str = "lowres-webhook"
    store_secret: str = "lowres-store"
    pull_secret: str = ""
    cache: bool = True

    def __post_init__(self) -> None:
        """ValueError for what a cluster would refuse late or run wrongly."""
        if not re.fullmatch(r"[^@\s]+@sha256:[0-9a-f]{64}", self.image):
            raise ValueError(
                f"image: {self.image!r} is not pinned; name it by digest, as in registry/lowres@sha256:<64 hex digits>"
            )
        if self.gpus < 0:
            raise ValueError(f"gpus: {self.gpus}; a step takes 0 or more")
        if self.gpus and not self.gpu_type:
            raise ValueError(f"gpus: {self.gpus} without gpu_type; name the resource, as in nvidia.com/gpu")
        for name, amount in (("cpu", cores), ("memory", size_bytes)):
            request, limit = (getattr(self, f"{name}_{bound}") for bound in ("request", "limit"))
            if not amount(limit):
                raise ValueError(f"{name}: {request}:{limit}; a step that may use none cannot run")
            if amount(request) > amount(limit):
                raise ValueError(f"{name}: {request}:{limit} asks for more than the limit; the request comes first")
        if self.checkpoint_mirror:
            split_address(self.checkpoint_mirror)
        if self.store_endpoint:
            check_endpoint(self.store_endpoint)
        for name in ("checkpoint_claim", "data_claim"):
            given = getattr(self, name)
            if given and not _VOLUME.fullmatch(given):
                raise ValueError(
                    f"{name}: {given!r} cannot name a volume of a step; it has up to 63 of a-z, 0-9 and '-' inside, "
                    "and is not tmp or shm"
                )
        for name in ("webhook_secret", "store_secret", "pull_secret"):
            given = getattr(self, name)
            if not _NAME.fullmatch(given) and (given or name in ("webhook_secret", "store_secret")):
                raise ValueError(f"{name}: {given!r} is no name in Kubernetes; it has a-z, 0-9, '-' and '.' inside")
        if not 1 <= self.timeout_hours * 3600 <= LONGEST_S:
            raise ValueError(f"timeout_hours: {self.timeout_hours:g}; a pod may run from 1 to {LONGEST_S} seconds")
        if not 0 <= self.retries < 2**31 or self.user_id <= 0:
            raise ValueError("user_id must be over 0 (root is refused), retries 0 or more")

    def plain(self, task: PipelineTask) -> PipelineTask:
        """A step on any node: packing, export, report."""
        self._pulled(task)
        task.set_env_variable("LOWRES_IMAGE", self.image)
        task.set_cpu_request(self.cpu_request).set_cpu_limit(self.cpu_limit)
        task.set_memory_request(self.memory_request).set_memory_limit(self.memory_limit)
        if not self.cache:
            task.set_caching_options(False)
        if self.retries:
            # The last is no longest wait: Argo counts it from the start of the first attempt, retries no step that ran
            # longer, and ends one that it does retry (github.com/kubeflow/pipelines/issues/14245).
            task.set_retry(
                self.retries, backoff_duration="60s", backoff_factor=2.0, backoff_max_duration=f"{LONGEST_S}s"
            )
        return self._as_user(task, seconds=round(self.timeout_hours * 3600))

    def packing(self, task: PipelineTask) -> PipelineTask:
        """A plain step that may read a data source's files."""
        self.plain(task)
        if self.data_claim:
            kubernetes.mount_pvc(task, pvc_name=self.data_claim, mount_path=f"{WORK_FOLDER}/data")
        return task

    def exchanging(self, task: PipelineTask) -> PipelineTask:
        """A plain step that reads or writes the bucket."""
        self.plain(task)
        return self._with_keys(task)

    def training(self, task: PipelineTask) -> PipelineTask:
        """A step that trains: on all GPUs, a process for each, with a place for its checkpoints."""
        self.network(task, gpus=self.gpus)
        place = f"{WORK_FOLDER}/.lowres"
        if self.checkpoint_claim:
            kubernetes.mount_pvc(task, pvc_name=self.checkpoint_claim, mount_path=place)
        else:
            kubernetes.empty_dir_mount(task, volume_name="checkpoints", mount_path=place)
        if self.checkpoint_mirror:
            self._mirror(task)
        return task

    def network(self, task: PipelineTask, *, gpus: int | None = None) -> PipelineTask:
        """A step that runs networks; without `gpus` on one GPU, where there are any."""
        self.plain(task)
        # Loader processes hand batches over in shared memory, of which a container has 64 MB.
        kubernetes.empty_dir_mount(
            task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit=self.shared_memory
        )
        if self.gpus:
            count = 1 if gpus is None else gpus
            task.set_accelerator_type(self.gpu_type).set_accelerator_limit(count)
            task.set_env_variable(GPUS, str(count))
        for key, value in self.node_selector.items():
            kubernetes.add_node_selector(task, label_key=key, label_value=value)
        for toleration in self.tolerations:
            kubernetes.add_toleration(task, **toleration)  # pyright: ignore[reportArgumentType]
        return task

    def _mirror(self, task: PipelineTask) -> None:
        task.set_env_variable(MIRROR, self.checkpoint_mirror)
        if self.store_endpoint:
            task.set_env_variable("AWS_ENDPOINT_URL_S3", self.store_endpoint)
        self._with_keys(task)

    def _with_keys(self, task: PipelineTask) -> PipelineTask:
        # Optional: on nodes with a role of their own there is no secret.
        keys = {name: name for name in STORE_KEYS}
        return kubernetes.use_secret_as_env(task, secret_name=self.store_secret, secret_key_to_env=keys, optional=True)

    def notifier(self, task: PipelineTask) -> PipelineTask:
        """The exit handler: small, never cached, with the webhook's address where the secret exists."""
        self._pulled(task)
        task.set_cpu_request("100m").set_cpu_limit("1").set_memory_request("256Mi").set_memory_limit("1Gi")
        task.set_caching_options(False)
        kubernetes.use_secret_as_env(
            task, secret_name=self.webhook_secret, secret_key_to_env={"url": "LOWRES_WEBHOOK"}, optional=True
        )
        return self._as_user(task, seconds=300)

    def _pulled(self, task: PipelineTask) -> None:
        task.set_container_image(self.image)
        if self.pull_secret:
            kubernetes.set_image_pull_secrets(task, [self.pull_secret])

    def _as_user(self, task: PipelineTask, *, seconds: int) -> PipelineTask:
        # kfp writes a step's program to /tmp, and some clusters make every container's root read-only.
        kubernetes.empty_dir_mount(task, volume_name="tmp", mount_path="/tmp")
        kubernetes.set_timeout(task, seconds=seconds)
        return kubernetes.set_security_context(
            task, run_as_user=self.user_id, run_as_group=self.user_id, run_as_non_root=True
        )
