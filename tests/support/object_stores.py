"""Real servers for tests, from package registries, on loopback and free ports; stopped by process id.

Programs are installed once into ``$XDG_CACHE_HOME/batchpoint/<program>-<version>``. A missing Go or npm
is a failure in words, never a silent skip.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

VERSITYGW_VERSION = "v1.8.0"
AZURITE_VERSION = "3.35.0"
"""The last that runs on Node.js 20."""
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""Published by Azurite for everybody; not a secret."""
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs, and what a datastore's files for one of its buckets are."""

    endpoint: str
    scheme: str
    bucket: str
    files: Mapping[str, str] = field(repr=False)

    def write_datastore(
        self, directory: Path, name: str = "lake", *, files: Mapping[str, str] | None = None
    ) -> None:
        """Write ``<directory>/<name>/`` as a mounted Secret would be, with other ``files`` if given."""
        target = directory / name
        target.mkdir(parents=True)
        uri = f"{self.scheme}://{self.bucket}"
        for file, text in {"uri": uri, **self.files, **(files or {})}.items():
            (target / file).write_text(text)


@contextmanager
def versitygw(folder: Path) -> Iterator[Server]:
    """Run an S3 gateway over a new folder, with one bucket ``data``."""
    program = _installed(
        f"versitygw-{VERSITYGW_VERSION}",
        "bin/versitygw",
        "go",
        lambda target: (
            ["go", "install", f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW_VERSION}"],
            {"GOBIN": str(target / "bin")},
        ),
    )
    data = folder / "versitygw"
    (data / "data").mkdir(parents=True)
    access, secret = "test-access", secrets.token_hex(16)
    port = free_port()
    environment = {"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        str(program),
        "--port",
        f"127.0.0.1:{port}",
        "--health",
        "/health",
        "posix",
        str(data),
    ]
    with running(command, environment, folder / "versitygw.log", f"{endpoint}/health"):
        files = {
            "access_key_id": access,
            "secret_access_key": secret,
            "endpoint": endpoint,
            "region": "us-east-1",
            "allow_http": "true",
        }
        yield Server(endpoint=endpoint, scheme="s3", bucket="data", files=files)


@contextmanager
def azurite(folder: Path) -> Iterator[Server]:
    """Run Microsoft's emulator of Azure Blob Storage in memory, with one container ``data``."""
    program = _installed(
        f"azurite-{AZURITE_VERSION}",
        "node_modules/.bin/azurite-blob",
        "npm",
        lambda target: (
            [
                *("npm", "install", "--no-audit", "--no-fund"),
                *("--prefix", str(target), f"azurite@{AZURITE_VERSION}"),
            ],
            {},
        ),
    )
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}"
    command = [
        *(str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"),
        *("--inMemoryPersistence", "--skipApiVersionCheck", "--loose", "--disableTelemetry"),
    ]
    with running(command, {}, folder / "azurite.log", f"http://127.0.0.1:{port}/"):
        _azure_put(endpoint, "data", {"restype": "container"}, {})
        files = {
            "account_name": AZURITE_ACCOUNT,
            "account_key": AZURITE_KEY,
            "endpoint": endpoint,
            "allow_http": "true",
        }
        yield Server(endpoint=endpoint, scheme="az", bucket="data", files=files)


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run an MLflow server with SQLite and artifacts behind it; yield its address."""
    home = folder / "mlflow"
    home.mkdir()
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--serve-artifacts"),
        *("--artifacts-destination", str(home / "artifacts"), "--workers", "1"),
    ]
    with running(command, {}, folder / "mlflow.log", f"{endpoint}/health"):
        yield endpoint


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, address: str
) -> Iterator[None]:
    """Run a server until the block ends; any HTTP answer at ``address`` means that it is up."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            _wait_for(process, address, log)
            yield
        finally:
            # Its own session, so its children (workers, reloaders) end with it.
            os.killpg(process.pid, 15)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError as exc:
            exc.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(
        f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}"
    )


def _installed(
    name: str,
    program: str,
    tool: str,
    install: Callable[[Path], tuple[list[str], dict[str, str]]],
) -> Path:
    """Return the path of a program, installed on first use by one process at a time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    target = Path(base) / "batchpoint" / name
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / program).exists():
            if shutil.which(tool) is None:
                raise RuntimeError(
                    f"The integration tests install {name} with `{tool}`, which is not on the PATH. "
                    f"Install it, or leave out tests/integration."
                )
            command, environment = install(target)
            result = subprocess.run(
                command,
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode != 0:
                raise RuntimeError(f"`{' '.join(command)}` failed:\n{result.stderr[-2000:]}")
    return target / program


def put_azure_blob(server: Server, name: str) -> None:
    """Write an empty blob of any name, also of one that ends in a slash, which obstore cannot."""
    _azure_put(server.endpoint, f"{server.bucket}/{name}", {}, {"x-ms-blob-type": "BlockBlob"})


def _azure_put(
    endpoint: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    """Send a signed request without content: no Azure library is installed."""
    extra = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06", **headers}
    canonical = "".join(f"{key}:{extra[key]}\n" for key in sorted(extra))
    resource = f"/{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{path}"
    resource += "".join(f"\n{key}:{value}" for key, value in sorted(query.items()))
    text = "PUT" + "\n" * 12 + canonical + resource
    digest = hmac.new(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256).digest()
    extra["Authorization"] = f"SharedKey {AZURITE_ACCOUNT}:{base64.b64encode(digest).decode()}"
    extra["Content-Length"] = "0"
    url = f"{endpoint}/{path}?{urllib.parse.urlencode(query)}".rstrip("?")
    urllib.request.urlopen(urllib.request.Request(url, headers=extra, method="PUT")).close()
