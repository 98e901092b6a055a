"""Where models, code and inputs come from and where results go: the unions that kinds share."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from batchpoint.api.base import ApiModel, Rule, refusal
from batchpoint.api.fields import AbsolutePath, FileName, GlobPattern, ObjectName, ScriptPath
from batchpoint.api.uris import CodeUri, InputUri, ModelUri, StoreUri
from batchpoint_runner.contract import InputType, ModelType

Patterns = Annotated[tuple[GlobPattern, ...], Field(max_length=50)]


class Model(ApiModel):
    """The model of a deployment."""

    uri: ModelUri
    """Where the model lies: a folder or file on a store (s3, gs, az, file, pvc, datastore, https), an
    MLflow model (models:/credit/3, models:/credit@champion, runs:/...) or a path in the scorer's image
    (image:///opt/model)."""
    type: ModelType
    """Who knows how to score it. MLflow: the built-in driver, no script needed. Custom: the script of
    codeConfiguration."""


_CODE_SOURCES = ("uri", "configMap", "imagePath")


class Code(ApiModel):
    """A folder of code: exactly one of uri, configMap and imagePath."""

    uri: CodeUri | None = None
    """A folder on a store; it is fetched into the pod before user code starts."""
    config_map: ObjectName | None = None
    """Name of a ConfigMap in the same namespace whose keys are the files of the folder."""
    image_path: AbsolutePath | None = None
    """Absolute path of a folder in the scorer's image."""

    rules = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in _CODE_SOURCES)}]"
            ".filter(given, given).size() == 1",
            message="set exactly one of uri, configMap and imagePath",
        ),
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        values = (self.uri, self.config_map, self.image_path)
        given = [name for name, value in zip(_CODE_SOURCES, values, strict=True) if value]
        if len(given) != 1:
            raise refusal(
                "must have exactly one of uri, configMap and imagePath",
                found=" and ".join(given) or "no source",
            )
        return self


class CodeConfiguration(ApiModel):
    """The scoring script and the folder it lies in."""

    code: Code
    """The folder. It is first on the import path, so the script can import its neighbours."""
    scoring_script: ScriptPath
    """Path of the script inside the folder, such as score.py. It defines run(mini_batch), and often
    init() and shutdown()."""

    rules = (
        Rule(
            cel="!has(self.code.configMap) || !self.scoringScript.contains('/')",
            message="a config map has no folders: give the name of one of its keys",
            field="scoringScript",
        ),
    )

    @model_validator(mode="after")
    def _script_is_a_key(self) -> Self:
        if self.code.config_map and "/" in self.scoring_script:
            raise refusal(
                "must be a key of the config map, which has no folders",
                found=f'"{self.scoring_script}"',
                field="scoringScript",
            )
        return self


class Input(ApiModel):
    """What a job scores."""

    uri: InputUri
    """A folder or file on a store, a public file (https, http), or a data asset (asset://name/version,
    asset://name/latest; the version is pinned when the job is accepted)."""
    type: InputType = InputType.FOLDER
    """UriFolder: every file below the folder is an item. UriFile: the one file is. A data asset that
    declares its own type goes by that."""
    include: Patterns = ()
    """Glob patterns relative to the folder, such as **/*.csv; a file must match one. Empty: every file."""
    exclude: Patterns = ()
    """Glob patterns; a file that matches one is left out, whatever include says."""
    recursive: bool = True
    """False: only files directly in the folder."""

    rules = (
        Rule(
            cel="self.type == 'UriFolder' || (!has(self.include) && !has(self.exclude))",
            message="include and exclude choose from a folder: use type UriFolder, or leave them out",
            field="type",
        ),
        Rule(
            cel="self.type == 'UriFile' || !self.uri.startsWith('http')",
            message="plain HTTP cannot list a folder: use type UriFile, or a store",
            field="type",
        ),
    )

    @model_validator(mode="after")
    def _folder_can_be_listed(self) -> Self:
        if self.type is InputType.FILE and (self.include or self.exclude):
            raise refusal(
                "must be UriFolder where include or exclude is given",
                found="UriFile",
                field="type",
            )
        if self.type is InputType.FOLDER and self.uri.startswith("http"):
            raise refusal(
                "must be UriFile, as plain HTTP cannot list a folder",
                found="UriFolder",
                field="type",
            )
        return self


class DeploymentOutput(ApiModel):
    """Where the jobs of a deployment leave their results."""

    uri: StoreUri
    """A folder; a job that names no output of its own writes to <uri>/<job name>/."""


class Output(ApiModel):
    """Where one job leaves its results."""

    uri: StoreUri | None = None
    """A folder that belongs to this job alone; never overwritten. Absent: <output of the
    deployment>/<job name>/."""
    file_name: FileName | None = None
    """Of the merged rows. Absent: outputFileName of the deployment."""
