"""Jobs that end well: what they leave is what `batchpoint run` leaves on one machine, byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from batchpoint.api.job import Phase
from batchpoint_runner.storage.urls import locate
from cluster import object_store, paths, volumes
from support.kube import Manifest
from support.repository import ROOT
from support.site import DEPLOYMENT, Site

pytestmark = pytest.mark.timeout(150)

EXAMPLES = ROOT / "examples"


# Examples


def prepare(site: Site, example: str) -> None:
    """Fill the datastore of an example, read its manifests, and apply them as its first line says."""
    subprocess.run([sys.executable, EXAMPLES / example / "prepare.py", site.files], check=True)
    apply_example(site, example)


def apply_example(site: Site, example: str) -> None:
    """Bring the files of an example to the object store, and its manifests to the cluster."""
    site.upload()
    site.read(EXAMPLES / example)
    site.apply(site.secret("demo"))
    site.kubectl("apply", "-k", EXAMPLES / example)


@pytest.mark.timeout(240)
def test_digits_example(site: Site) -> None:
    """1,797 images through a scoring script with a scikit-learn model, on two instances."""
    prepare(site, "digits")
    status = site.wait_for("digits-first", Phase.SUCCEEDED, within_seconds=180)
    assert site.expected("digits-first") == site.output("digits-first")
    assert status.progress is not None
    assert (1797, 0) == (status.progress.files.done, status.progress.files.failed)


@pytest.mark.timeout(240)
def test_tabular_example(site: Site) -> None:
    """An MLflow model scores CSV files without any code."""
    prepare(site, "tabular")
    site.wait_for("tumours-first", Phase.SUCCEEDED, within_seconds=180)
    assert site.expected("tumours-first") == site.output("tumours-first")


def test_azure_example(site: Site) -> None:
    """A script written for Azure runs unchanged, and its own files are the output."""
    for path in (EXAMPLES / "azure-script" / "datastore").rglob("*"):
        if path.is_file():
            name = path.relative_to(EXAMPLES / "azure-script" / "datastore")
            site.write(str(name), path.read_bytes())
    apply_example(site, "azure-script")
    status = site.wait_for("reviews-first", Phase.SUCCEEDED, within_seconds=90)
    assert status.output is not None
    assert "" == status.output.file
    for name in ("0001.json", "0002.json", "0003.json", "0004.json"):
        assert site.expected("reviews-first", name) == site.output("reviews-first", name)


# Instances and workers


def test_a_folder_becomes_one_predictions_file(site: Site) -> None:
    """Two instances of two workers score texts from an object store, in input order."""
    site.usual(files=24, instances=2, miniBatchSize=2, maxConcurrencyPerInstance=2)
    site.start()
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    assert site.expected() == site.output()
    assert status.progress is not None
    assert (24, 24, 24) == (
        status.progress.rows,
        status.progress.files.total,
        status.progress.files.done,
    )
    assert "12/12" == status.progress.display
    manifest = json.loads(site.output(name="manifest.json"))
    assert 24 == manifest["counts"]["scored"]


# Where things lie


@pytest.fixture
def claim(site: Site) -> Iterator[str]:
    """A volume claim of the namespace."""
    documents: list[Manifest] = [dict(one) for one in volumes.volume("data", site.namespace)]
    site.kube.apply(*documents)
    yield "data"
    site.kube.try_kubectl("delete", "pv", f"{site.namespace}-data", "--wait=false")


def test_everything_on_a_volume(site: Site, claim: str) -> None:
    """Input, model, code and output lie on a claim."""
    site.texts(12)
    site.words()
    site.endpoint()
    site.deployment(
        instances=2,
        spec={
            "model": {"uri": f"pvc://{claim}/models/words", "type": "Custom"},
            "codeConfiguration": {
                "code": {"uri": f"pvc://{claim}/code"},
                "scoringScript": "score.py",
            },
            "output": {"uri": f"pvc://{claim}/out"},
        },
    )
    site.job(input={"uri": f"pvc://{claim}/texts"})
    folder = paths.state().volumes / site.namespace / claim
    volume = locate(str(folder), site.folder)
    for path in site.files.rglob("*"):
        if path.is_file():
            volume.store.replace(f"{volume.path}/{path.relative_to(site.files)}", path.read_bytes())
    site.apply(*site.documents.values())
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    expected = site.expected(instead={f"pvc://{claim}": "datastore://mine"})
    assert expected == (folder / "out" / "first" / "predictions.csv").read_bytes()


def test_a_bucket_without_a_datastore(site: Site) -> None:
    """Addresses may be s3://… with the credentials of a Secret that the deployment names."""
    site.texts(6)
    site.words()
    site.endpoint()
    site.deployment(
        spec={
            "model": {"uri": f"{site.bucket}/models/words", "type": "Custom"},
            "codeConfiguration": {
                "code": {"uri": f"{site.bucket}/code"},
                "scoringScript": "score.py",
            },
            "output": {"uri": f"{site.bucket}/out"},
            "storage": {"credentialsSecret": "key-of-the-bucket"},
        },
    )
    site.job(input={"uri": f"{site.bucket}/texts"})
    files = {name: text for name, text in object_store.datastore_files().items() if name != "uri"}
    key = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key-of-the-bucket"}}
    site.apply({**key, "stringData": files})
    site.start()
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    assert status.output is not None
    assert f"{site.bucket}/out/first" == status.output.uri.rstrip("/")
    place = site.locate("datastore://mine/out/first/predictions.csv")
    instead = {site.bucket: "datastore://mine"}
    assert site.expected(instead=instead) == place.store.read(place.path)


PLAIN = """
import os

def run(mini_batch):
    return {path: open(path).read() + greeting() for path in mini_batch}

def greeting():
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "passwd")) as file:
        return file.readline().split(":")[0]
"""


def test_code_in_a_config_map_and_a_model_in_the_image(site: Site) -> None:
    """Neither is fetched from a store."""
    site.texts(6)
    site.endpoint()
    identity = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}}
    site.include({**identity, "data": {"score.py": PLAIN}})
    site.deployment(
        spec={
            "model": {"uri": "image:///etc/passwd", "type": "Custom"},
            "codeConfiguration": {"code": {"configMap": "plain"}, "scoringScript": "score.py"},
        }
    )
    site.job()
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    assert site.expected() == site.output()


def test_a_data_asset_is_pinned_when_the_job_is_accepted(site: Site) -> None:
    """`latest` is the newest version, and the manifest tells which."""
    site.usual(files=0)
    for version, count in (("1", 3), ("2", 5)):
        site.texts(count, f"assets/{version}")
        site.include(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": f"batchpoint-asset-new-data-{version}",
                    "labels": {
                        "batchpoint.dev/asset": "new-data",
                        "batchpoint.dev/asset-version": version,
                    },
                },
                "data": {"uri": f"datastore://mine/assets/{version}", "type": "UriFolder"},
            }
        )
    site.job("first", input={"uri": "asset://new-data/1"})
    site.job("second", input={"uri": "asset://new-data/latest"})
    site.start()
    for job, count in (("first", 3), ("second", 5)):
        site.wait_for(job, Phase.SUCCEEDED, within_seconds=90)
        assert site.expected(job) == site.output(job)
        assert count + 1 == len(site.output(job).splitlines())


def test_one_file_is_an_input_too(site: Site) -> None:
    """UriFile scores the one file that the address names, under a file name of the job's own."""
    site.usual(files=3)
    place = {"uri": "datastore://mine/texts/001.txt", "type": "UriFile"}
    site.job(input=place, output={"fileName": "answer.csv"})
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    assert b"file,said,length\n001.txt,TEXT 1!,6\n" == site.output()
    assert site.expected(name="answer.csv") == site.output(name="answer.csv")


# Settings


@pytest.mark.parametrize("form", ["JSONLines", "Parquet", "AzureRows"])
def test_output_formats(site: Site, form: str) -> None:
    """Rows as JSON Lines, Parquet, or in Azure's form, from two instances."""
    names = {"JSONLines": "predictions.jsonl", "Parquet": "predictions.parquet"}
    site.usual(files=8, instances=2, outputFormat=form)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    assert site.expected(name=names.get(form, "predictions.csv")) == site.output()


def test_only_chosen_files_are_scored(site: Site) -> None:
    """By include, exclude and recursive; what is left out is told in the manifest."""
    site.usual(files=6)
    site.write("texts/below/006.txt", "text 6")
    site.write("texts/picture.png", "no text")
    chosen = {"include": ["**/*.txt"], "exclude": ["00[01].txt"]}
    site.job("deep", input={"uri": "datastore://mine/texts", **chosen})
    site.job("flat", input={"uri": "datastore://mine/texts", "recursive": False, **chosen})
    site.documents.pop(("BatchJob", "first"))
    site.start()
    for job, files in (("deep", 5), ("flat", 4)):
        site.wait_for(job, Phase.SUCCEEDED, within_seconds=90)
        assert site.expected(job) == site.output(job)
        assert files + 1 == len(site.output(job).splitlines())


ENVIRONMENT = """
import logging
import os

def init():
    logging.getLogger("user").debug("a word for people who look closely")

def run(mini_batch):
    return {
        path: {
            "greeting": os.environ["GREETING"],
            "level": logging.getLogger().level,
            "threads": os.environ["OMP_NUM_THREADS"],
        }
        for path in mini_batch
    }
"""


def test_settings_reach_user_code(site: Site) -> None:
    """Variables, logging level and threads are those of the deployment."""
    site.usual(
        files=2,
        environmentVariables={"GREETING": "hello, $(HOME) $$"},
        loggingLevel="Debug",
        threadsPerWorker=3,
        initMode="Spawn",
    )
    site.write("code/score.py", ENVIRONMENT)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    assert site.expected() == site.output()
    assert b'"hello, $(HOME) $$",10,3' in site.output()
    (pod,) = site.recorder.pods()
    name = pod["metadata"]["name"]
    heard = "a word for people who look closely"
    site.wait(lambda: heard in site.recorder.log(name, "scorer"), "user code is heard", 10)


def test_a_job_overrides_settings_of_its_deployment(site: Site) -> None:
    """For itself alone: instances, mini-batches, workers, retries, threshold, level."""
    site.usual(files=12, bad=(5,), errorThreshold=0)
    overrides = {
        "instanceCount": 3,
        "miniBatchSize": 4,
        "maxConcurrencyPerInstance": 2,
        "retrySettings": {"maxRetries": 1, "timeoutSeconds": 5},
        "errorThreshold": 1,
        "loggingLevel": "Debug",
    }
    site.job(overrides=overrides)
    site.start()
    status = site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=90)
    assert site.expected() == site.output()
    assert status.instances is not None
    assert status.progress is not None
    assert (3, "3/3") == (status.instances.requested, status.progress.display)
    # Two of all four files, one of the half with the culprit, two of the culprit alone.
    assert 5 == site.failures()["005.txt"]["attempts"]


# Deployments


def test_the_default_deployment_is_switched_without_touching_jobs(site: Site) -> None:
    """Jobs that name no deployment go to the default of their time; a name chooses any."""
    site.usual(files=4)
    site.write("models/louder/words/suffix.txt", "!!!")
    site.write("models/louder/words/pace.txt", "0")
    louder = {"model": {"uri": "datastore://mine/models/louder/words", "type": "Custom"}}
    site.deployment("shout-louder", spec=louder)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)
    site.apply(site.endpoint(defaultDeployment="shout-louder"))
    site.apply(site.job("second"), site.job("third", deployment=DEPLOYMENT))
    answered = {
        job: site.wait_for(job, Phase.SUCCEEDED, within_seconds=90).deployment
        for job in ("second", "third")
    }
    assert {"second": "shout-louder", "third": DEPLOYMENT} == answered
    assert b"TEXT 0!!!" in site.output("second")
    assert site.output("first") == site.output("third")
    assert site.expected("second") == site.output("second")
