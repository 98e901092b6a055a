"""What the platform decides about every instance. The operator's settings become this once, in `main`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """Images, sizes and the user of instances."""

    runner_image: str
    default_scorer_image: str
    """Of deployments that name no image; it can score MLflow models."""
    pull_policy: str | None = None
    """Of both images above. None: Kubernetes' own rule."""
    runner_requests: Mapping[str, str] = field(
        default_factory=lambda: {"cpu": "250m", "memory": "256Mi"}
    )
    """Beside those of the scorer, for each instance."""
    runner_limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "1Gi"})
    """No limit of processors: the runner idles, or the scorer waits for it."""
    run_as_user: int | None = 65532
    """User and group of both containers where a deployment names none. None: left to the platform, as
    OpenShift wants it, which gives every namespace a user of its own."""
    shared_bytes: int = 20 * GIB
    """Of the volume that holds model, code, fetched inputs and what user code writes. Above it the pod is
    evicted."""
    prefetch_share: float = 0.25
    """Of the shared volume, for inputs that are fetched ahead."""
    temporary_bytes: int = 10 * GIB
    """Of each container's /tmp."""
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the job's namespace, beside those of the deployment."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of Jobs and pods, beside our own, which they cannot replace."""

    @property
    def prefetch_bytes(self) -> int:
        """Input files that are kept on local disk at most."""
        return int(self.shared_bytes * self.prefetch_share)
