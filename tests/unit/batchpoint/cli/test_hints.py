from pathlib import Path

import pytest
import yaml

from batchpoint.cli import hints
from batchpoint.cli.places import Place
from batchpoint_runner import host
from batchpoint_runner.contract import ModelSpec, ModelType
from batchpoint_worker import loader
from support.builders import a_config

PLACE = Place(
    index=0,
    directory=Path("/work/0"),
    python=Path("/python"),
    runner_environment={},
    host_environment={},
)
DEPLOYMENT = {
    "kind": "BatchDeployment",
    "spec": {
        "model": {"uri": "datastore://demo/model", "type": "MLflow"},
        "settings": {
            "maxConcurrencyPerInstance": 1,
            "environmentVariables": {"TOKENIZERS_PARALLELISM": "false"},
            "loggingLevel": "Debug",
        },
    },
}
ENDPOINT = {"kind": "BatchEndpoint", "spec": {}}


def hint(folder: Path, *documents: object) -> hints.Hint | None:
    """Of manifests in one file of a folder."""
    (folder / "all.yaml").write_text(yaml.safe_dump_all(documents))
    return hints.of([folder], PLACE)


def changed(**fields: object) -> dict[str, object]:
    """The deployment with other fields of its spec; those that are None are left out."""
    spec = {**DEPLOYMENT["spec"], **fields}  # type: ignore[dict-item]
    return {**DEPLOYMENT, "spec": {name: value for name, value in spec.items() if value}}


def test_the_hint_is_what_the_runner_will_say(tmp_path: Path) -> None:
    """Else the host would throw away what it has begun with."""
    config = a_config(
        model=ModelSpec(uri="datastore://demo/model", type=ModelType.MLFLOW),
        code=None,
        workers=1,
        environment={"TOKENIZERS_PARALLELISM": "false"},
        logging_level="Debug",
    )
    setup = host.setup(
        config,
        model_directory=PLACE.shared / "model",
        code_directory=None,
        scratch=PLACE.shared / "scratch",
    )
    told = hint(tmp_path, ENDPOINT, DEPLOYMENT)
    assert told is not None
    assert told.items() <= setup.items()
    assert set(loader.BEGIN_KEYS) <= set(told)


def test_threads_may_be_given(tmp_path: Path) -> None:
    """By the deployment."""
    told = hint(tmp_path, changed(settings={"threadsPerWorker": 3}))
    assert told is not None
    assert 3 == told["threads_per_worker"]


@pytest.mark.parametrize(
    "documents",
    [
        (ENDPOINT,),
        (DEPLOYMENT, DEPLOYMENT),
        (changed(codeConfiguration={"scoringScript": "score.py"}),),
        (changed(model={"uri": "x", "type": "Custom"}),),
        (changed(model=None),),
        ({"kind": "BatchDeployment", "spec": "nonsense"},),
        ("text", 3, None),
    ],
    ids=["none", "several", "script", "custom", "no model", "nonsense", "no objects"],
)
def test_where_nothing_is_certain_there_is_no_hint(
    tmp_path: Path, documents: tuple[object, ...]
) -> None:
    """What is wrong with manifests is told by others."""
    assert hint(tmp_path, *documents) is None


@pytest.mark.parametrize(
    "text",
    ["kind: [", "a: b\n c: d", "&a [*a]", "[" * 5000, "\u0000"],
    ids=["open", "indent", "itself", "deep", "control"],
)
def test_faulty_manifests_give_no_hint(tmp_path: Path, text: str) -> None:
    """Nor an error."""
    file = tmp_path / "faulty.yaml"
    file.write_text(text)
    assert hints.of([file, tmp_path / "missing.yaml"], PLACE) is None
