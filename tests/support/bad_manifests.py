"""Wrong manifests, each with the one line that a person must read about it.

A row is a small YAML text of one file, ``bad.yaml``, and the exact message. Unless said otherwise
references need not be found among the files.
"""

from __future__ import annotations

from dataclasses import dataclass

FILE = "bad.yaml"

ENDPOINT = """\
apiVersion: batchpoint.dev/v1alpha1
kind: BatchEndpoint
metadata: {name: e}
spec:
  defaultDeployment: d
"""
DEPLOYMENT = """\
apiVersion: batchpoint.dev/v1alpha1
kind: BatchDeployment
metadata: {name: d}
spec:
  endpoint: e
  model: {uri: "datastore://s/m", type: MLflow}
  output: {uri: "datastore://s/out"}
"""
JOB = """\
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: j}
spec:
  endpoint: e
"""
INPUT = "input: {uri: 'datastore://s/in'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One wrong manifest."""

    id: str
    text: str
    message: str
    """Without the file's name."""
    complete: bool = False
    """Whether references must be found among the files."""


def _row(id_: str, text: str, message: str, *, complete: bool = False) -> Bad:
    return Bad(id=id_, text=text, message=message, complete=complete)


def _field(kind: str, base: str, rows: dict[str, tuple[str, str]]) -> list[Bad]:
    """Rows that add one line to a right manifest; the message is about that line."""
    name = {"BatchEndpoint": "e", "BatchDeployment": "d", "BatchJob": "j"}[kind]
    line = base.count("\n") + 1
    return [
        _row(id_, f"{base}  {added}\n", f":{line}: {kind}/{name} {message}")
        for id_, (added, message) in rows.items()
    ]


_ENDPOINT_FIELDS = {
    "endpoint-unknown-field": (
        "maxActiveJob: 3",
        'spec.maxActiveJob: unknown field; did you mean "maxActiveJobs"?',
    ),
    "endpoint-zero-active-jobs": ("maxActiveJobs: 0", "spec.maxActiveJobs: 0; must be at least 1"),
    "endpoint-traffic": (
        "traffic: {d: 100}",
        "spec.traffic: unknown field; known here: description, defaultDeployment, maxActiveJobs,"
        " schedules, jobHistory",
    ),
    "history-below-minus-one": (
        "jobHistory: {failedLimit: -2}",
        "spec.jobHistory.failedLimit: -2; must be at least -1",
    ),
    "schedules-is-a-map": ("schedules: {name: nightly}", "spec.schedules: a map; must be a list"),
    "description-too-long": (
        f"description: {'x' * 1025}",
        "spec.description: 1025 characters; must be at most 1024 characters",
    ),
}


def _schedule(extra: str = "", cron: str = "0 2 * * *", name: str = "nightly") -> str:
    spec = "{spec: {input: {uri: 'datastore://s/in'}}}"
    return f"{{name: {name}, cron: '{cron}', jobTemplate: {spec}{extra}}}"


_CRON = "spec.schedules[0].cron"
_SCHEDULE_FIELDS = {
    "cron-four-fields": (
        f"schedules: [{_schedule(cron='0 2 * *')}]",
        f'{_CRON}: "0 2 * *"; must have five fields: minute, hour, day of the month, month, day of'
        " the week",
    ),
    "cron-macro": (
        f"schedules: [{_schedule(cron='@daily')}]",
        f'{_CRON}: "@daily"; must be written as five fields; did you mean "0 0 * * *"?',
    ),
    "cron-minute-sixty": (
        f"schedules: [{_schedule(cron='60 2 * * *')}]",
        f'{_CRON}: "60 2 * * *"; must have a minute of 0-59, *, or lists and steps of them',
    ),
    "cron-backward-range": (
        f"schedules: [{_schedule(cron='0 5-2 * * *')}]",
        f'{_CRON}: "0 5-2 * * *"; must have a hour of 0-23, *, or lists and steps of them',
    ),
    "cron-unknown-weekday": (
        f"schedules: [{_schedule(cron='0 0 * * MOO')}]",
        f'{_CRON}: "0 0 * * MOO"; must have a day of the week of 0-7 or SUN-SAT, *, or lists and'
        " steps of them",
    ),
    "cron-day-that-never-comes": (
        f"schedules: [{_schedule(cron='0 0 31 FEB *')}]",
        f'{_CRON}: "0 0 31 FEB *"; must name a day that one of its months has; this one never comes',
    ),
    "schedule-without-template": (
        "schedules: [{name: n, cron: '0 2 * * *'}]",
        "spec.schedules[0].jobTemplate: missing; must be given: from which the jobs are made",
    ),
    "schedule-twice": (
        f"schedules: [{_schedule()}, {_schedule()}]",
        'spec.schedules[1].name: "nightly" twice; must be unique on the endpoint',
    ),
    "schedule-name": (
        f"schedules: [{_schedule(name='Nightly')}]",
        'spec.schedules[0].name: "Nightly"; must be lower-case letters, digits and -, with a letter'
        " or digit first and last",
    ),
    "schedule-time-zone": (
        f"schedules: [{_schedule(', timeZone: Europe Berlin')}]",
        'spec.schedules[0].timeZone: "Europe Berlin"; must be the name of a time zone, such as'
        " Europe/Berlin",
    ),
    "schedule-policy": (
        f"schedules: [{_schedule(', concurrencyPolicy: forbid')}]",
        'spec.schedules[0].concurrencyPolicy: "forbid"; must be Allow, Forbid or Replace; did you'
        " mean Forbid?",
    ),
}

_DEPLOYMENT_FIELDS = {
    "azure-name-at-the-root": (
        "instance_count: 2",
        'spec.instance_count: unknown field; did you mean "spec.resources.instanceCount"?',
    ),
    "azure-name-in-place": (
        "resources: {instance_count: 2}",
        'spec.resources.instance_count: unknown field; did you mean "instanceCount"?',
    ),
    "field-of-settings-at-the-root": (
        "miniBatchSize: 10",
        'spec.miniBatchSize: unknown field; did you mean "spec.settings.miniBatchSize"?',
    ),
    "endpoint-name-as-in-azure": (
        "endpoint_name: e",
        'spec.endpoint_name: unknown field; did you mean "endpoint"?',
    ),
    "unknown-setting": (
        "settings: {miniBatchSze: 10}",
        'spec.settings.miniBatchSze: unknown field; did you mean "miniBatchSize"?',
    ),
    "unknown-everywhere": (
        "model_version: 3",
        "spec.model_version: unknown field; known here: endpoint, description, model,"
        " codeConfiguration, environment, compute, resources, settings, output, storage,"
        " serviceAccountName",
    ),
    "mini-batch-zero": (
        "settings: {miniBatchSize: 0}",
        "spec.settings.miniBatchSize: 0; must be at least 1",
    ),
    "mini-batch-text": (
        'settings: {miniBatchSize: "10"}',
        'spec.settings.miniBatchSize: "10"; must be a whole number',
    ),
    "mini-batch-fraction": (
        "settings: {miniBatchSize: 2.5}",
        "spec.settings.miniBatchSize: 2.5; must be a whole number",
    ),
    "mini-batch-boolean": (
        "settings: {miniBatchSize: yes}",
        "spec.settings.miniBatchSize: true; must be a whole number",
    ),
    "concurrency-zero": (
        "settings: {maxConcurrencyPerInstance: 0}",
        "spec.settings.maxConcurrencyPerInstance: 0; must be at least 1",
    ),
    "instances-zero": (
        "resources: {instanceCount: 0}",
        "spec.resources.instanceCount: 0; must be at least 1",
    ),
    "instances-too-many": (
        "resources: {instanceCount: 1001}",
        "spec.resources.instanceCount: 1001; must be at most 1000",
    ),
    "retries-negative": (
        "settings: {retrySettings: {maxRetries: -1}}",
        "spec.settings.retrySettings.maxRetries: -1; must be at least 0",
    ),
    "timeout-zero": (
        "settings: {retrySettings: {timeoutSeconds: 0}}",
        "spec.settings.retrySettings.timeoutSeconds: 0; must be at least 1",
    ),
    "timeout-above-three-days": (
        "settings: {retrySettings: {timeoutSeconds: 259201}}",
        "spec.settings.retrySettings.timeoutSeconds: 259201; must be at most 259200",
    ),
    "timeout-as-in-azure": (
        "settings: {retrySettings: {timeout: 30}}",
        'spec.settings.retrySettings.timeout: unknown field; did you mean "timeoutSeconds"?',
    ),
    "threshold-below-minus-one": (
        "settings: {errorThreshold: -2}",
        "spec.settings.errorThreshold: -2; must be at least -1",
    ),
    "threshold-too-large": (
        "settings: {errorThreshold: 2147483648}",
        "spec.settings.errorThreshold: 2147483648; must be at most 2147483647",
    ),
    "output-action-as-in-azure": (
        "settings: {outputAction: append_row}",
        'spec.settings.outputAction: "append_row"; must be AppendRow or SummaryOnly; did you mean'
        " AppendRow?",
    ),
    "output-format": (
        "settings: {outputFormat: jsonl}",
        'spec.settings.outputFormat: "jsonl"; must be CSV, JSONLines, Parquet or AzureRows; did you'
        " mean JSONLines?",
    ),
    "logging-level": (
        "settings: {loggingLevel: info}",
        'spec.settings.loggingLevel: "info"; must be Warning, Info or Debug; did you mean Info?',
    ),
    "init-mode": (
        "settings: {initMode: Thread}",
        'spec.settings.initMode: "Thread"; must be Auto, Fork or Spawn',
    ),
    "file-name-with-slash": (
        "settings: {outputFileName: out/scores.csv}",
        'spec.settings.outputFileName: "out/scores.csv"; must be a file name without any of'
        ' ~ " # % & * : < > ? / \\ { } |',
    ),
    "file-name-reserved": (
        "settings: {outputFileName: manifest.json}",
        'spec.settings.outputFileName: "manifest.json"; must not be one of the names that the job'
        " itself writes: manifest.json, failures.jsonl, job_progress_overview.txt, job_error.txt,"
        " job_result.txt, .batchpoint",
    ),
    "file-name-empty": (
        'settings: {outputFileName: ""}',
        'spec.settings.outputFileName: ""; must be a file name without any of'
        ' ~ " # % & * : < > ? / \\ { } |',
    ),
    "variable-of-ours": (
        "settings: {environmentVariables: {AZUREML_MODEL_DIR: /m}}",
        'spec.settings.environmentVariables.AZUREML_MODEL_DIR: "AZUREML_MODEL_DIR"; must be left'
        " out, because Batchpoint sets this variable for each worker",
    ),
    "variable-number": (
        "settings: {environmentVariables: {PIN: 1234}}",
        "spec.settings.environmentVariables.PIN: a number; must be text; put it in quotes",
    ),
    "variable-name": (
        "settings: {environmentVariables: {'2X': a}}",
        'spec.settings.environmentVariables["2X"]: "2X"; must be the name of a variable: letters,'
        " digits, _, . and -, no digit first",
    ),
    "quantity": (
        "resources: {requests: {memory: 8GB}}",
        'spec.resources.requests.memory: "8GB"; must be a quantity, such as 500m, 2 or 4Gi',
    ),
    "request-above-limit": (
        "resources: {requests: {cpu: 2}, limits: {cpu: 1500m}}",
        "spec.resources.requests.cpu: 2; must be at most the limit, 1500m",
    ),
    "pip-option": (
        "environment: {pip: [--index-url=x]}",
        'spec.environment.pip[0]: "--index-url=x"; must be a requirement, such as pandas==2.2.3;'
        " options are not allowed",
    ),
    "pip-is-text": ("environment: {pip: pandas}", 'spec.environment.pip: "pandas"; must be a list'),
    "pull-policy": (
        "environment: {pullPolicy: ifnotpresent}",
        'spec.environment.pullPolicy: "ifnotpresent"; must be Always, IfNotPresent or Never; did you'
        " mean IfNotPresent?",
    ),
    "image-with-space": (
        "environment: {image: 'a b'}",
        'spec.environment.image: "a b"; must be an image reference without white space',
    ),
    "run-as-root": (
        "environment: {runAsUser: 0}",
        "spec.environment.runAsUser: 0; must be at least 1",
    ),
    "profile-and-selector": (
        "compute: {profile: gpu, nodeSelector: {a: b}}",
        'spec.compute.profile: "gpu"; must not stand beside nodeSelector',
    ),
    "compute-is-text": (
        "compute: azureml:cpu-cluster",
        'spec.compute: "azureml:cpu-cluster"; must be a map',
    ),
    "toleration": (
        "compute: {tolerations: [{key: a, operator: Exist}]}",
        'spec.compute.tolerations[0].operator: "Exist"; must be Exists or Equal; did you mean Exists?',
    ),
    "code-from-nowhere": (
        "codeConfiguration: {code: {}, scoringScript: score.py}",
        "spec.codeConfiguration.code: no source; must have exactly one of uri, configMap and"
        " imagePath",
    ),
    "code-from-two-places": (
        "codeConfiguration: {code: {uri: 's3://b/c', imagePath: /c}, scoringScript: score.py}",
        "spec.codeConfiguration.code: uri and imagePath; must have exactly one of uri, configMap and"
        " imagePath",
    ),
    "code-path-relative": (
        "codeConfiguration: {code: {imagePath: code}, scoringScript: score.py}",
        'spec.codeConfiguration.code.imagePath: "code"; must be an absolute path, such as /opt/code',
    ),
    "script-missing": (
        "codeConfiguration: {code: {configMap: c}}",
        "spec.codeConfiguration.scoringScript: missing; must be given: path of the script inside the"
        " folder, such as score.py",
    ),
    "script-absolute": (
        "codeConfiguration: {code: {configMap: c}, scoringScript: /score.py}",
        'spec.codeConfiguration.scoringScript: "/score.py"; must be the relative path of a Python'
        " file, such as score.py",
    ),
    "script-climbs": (
        "codeConfiguration: {code: {uri: 's3://b/c'}, scoringScript: a/../../score.py}",
        'spec.codeConfiguration.scoringScript: "a/../../score.py"; must not contain ..',
    ),
    "script-in-folder-of-config-map": (
        "codeConfiguration: {code: {configMap: c}, scoringScript: src/score.py}",
        'spec.codeConfiguration.scoringScript: "src/score.py"; must be a key of the config map,'
        " which has no folders",
    ),
    "datastores-too-many": (
        f"storage: {{allowedDatastores: [{', '.join(f'd{i}' for i in range(51))}]}}",
        "spec.storage.allowedDatastores: 51 entries; must be at most 50",
    ),
    "variables-as-a-list": (
        "settings: {environmentVariables: [A=b]}",
        "spec.settings.environmentVariables: a list; must be a map",
    ),
}

_STORES = "s3://, gs://, az://, file:///, pvc://, datastore://"
_JOB_FIELDS = {
    "input-as-in-azure": (
        "input: {uri: 'azureml://datastores/lake/paths/in/2026-11/'}",
        'spec.input.uri: "azureml://datastores/lake/paths/in/2026-11/"; did you mean'
        ' "datastore://lake/in/2026-11/"?',
    ),
    "asset-as-in-azure": (
        "input: {uri: 'azureml:new-data:1'}",
        'spec.input.uri: "azureml:new-data:1"; did you mean "asset://new-data/1"?',
    ),
    "input-local": (
        "input: {uri: ./data}",
        f'spec.input.uri: "./data"; must begin with {_STORES}, asset://, https:// or http://; a'
        " local folder is file:///<absolute path>",
    ),
    "input-path-as-in-azure": (
        "input: {path: 's3://b/in'}",
        'spec.input.path: unknown field; did you mean "uri"?',
    ),
    "input-type-as-in-azure": (
        "input: {uri: 's3://b/in', type: uri_folder}",
        'spec.input.type: "uri_folder"; must be UriFolder or UriFile; did you mean UriFolder?',
    ),
    "input-climbs": (
        "input: {uri: 's3://b/in/../secret'}",
        'spec.input.uri: "s3://b/in/../secret"; must not contain ..',
    ),
    "asset-without-version": (
        "input: {uri: 'asset://new-data'}",
        'spec.input.uri: "asset://new-data"; must look like asset://<name>/<version> or'
        " asset://<name>/latest",
    ),
    "credentials-in-authority": (
        "input: {uri: 's3://AKIAX:geheim@b/in'}",
        'spec.input.uri: "s3://***@b/in"; must look like s3://<bucket>/<path>',
    ),
    "credentials-in-query": (
        "input: {uri: 'az://c/in?sig=geheim'}",
        'spec.input.uri: "az://c/in?***"; must not have a query; credentials belong into a datastore',
    ),
    "http-folder": (
        "input: {uri: 'https://h/data/'}",
        "spec.input.type: UriFolder; must be UriFile, as plain HTTP cannot list a folder",
    ),
    "include-in-a-file": (
        "input: {uri: 's3://b/a.csv', type: UriFile, include: ['*.csv']}",
        "spec.input.type: UriFile; must be UriFolder where include or exclude is given",
    ),
    "include-absolute": (
        "input: {uri: 's3://b/in', include: [/a/*.csv]}",
        'spec.input.include[0]: "/a/*.csv"; must be a pattern relative to the input folder, such as'
        " **/*.csv",
    ),
}

_JOB_WITH_INPUT = f"{JOB}  {INPUT}\n"
_FULL_JOB_FIELDS = {
    "output-is-read-only": (
        "output: {uri: 'https://h/out'}",
        f'spec.output.uri: "https://h/out"; must begin with {_STORES[: -len(", datastore://")]} or'
        " datastore://",
    ),
    "override-of-the-image": (
        "overrides: {image: x}",
        "spec.overrides.image: unknown field; known here: instanceCount, miniBatchSize,"
        " maxConcurrencyPerInstance, retrySettings, errorThreshold, outputAction, loggingLevel",
    ),
    "override-at-the-root": (
        "miniBatchSize: 20",
        'spec.miniBatchSize: unknown field; did you mean "spec.overrides.miniBatchSize"?',
    ),
    "override-zero": (
        "overrides: {instanceCount: 0}",
        "spec.overrides.instanceCount: 0; must be at least 1",
    ),
    "deadline-zero": (
        "activeDeadlineSeconds: 0",
        "spec.activeDeadlineSeconds: 0; must be at least 1",
    ),
    "ttl-negative": (
        "ttlSecondsAfterFinished: -1",
        "spec.ttlSecondsAfterFinished: -1; must be at least 0",
    ),
    "cancel-is-text": ('cancel: "true"', 'spec.cancel: "true"; must be true or false'),
    "rerun-without-job": (
        "rerun: {only: Failed}",
        "spec.rerun.job: missing; must be given: name of the earlier BatchJob, in the same namespace",
    ),
    "rerun-of-everything": (
        "rerun: {job: i, only: All}",
        'spec.rerun.only: "All"; must be Failed',
    ),
    "rerun-of-itself": (
        "rerun: {job: j}",
        'spec.rerun.job: "j" is this job itself; must be an earlier job',
    ),
}

_WHOLE = (
    _row(
        "kind-unknown",
        "apiVersion: batchpoint.dev/v1alpha1\nkind: BatchJobs\nmetadata: {name: j}\n",
        ':2: BatchJobs/j kind: "BatchJobs"; must be BatchEndpoint, BatchDeployment or BatchJob; did'
        " you mean BatchJob?",
    ),
    _row(
        "version-unknown",
        "apiVersion: batchpoint.dev/v1\nkind: BatchJob\nmetadata: {name: j}\n",
        ':1: BatchJob/j apiVersion: "batchpoint.dev/v1"; did you mean "batchpoint.dev/v1alpha1"?',
    ),
    _row(
        "group-misspelt",
        "apiVersion: batchpoints.dev/v1alpha1\nkind: BatchJob\nmetadata: {name: j}\n",
        ':1: BatchJob/j apiVersion: "batchpoints.dev/v1alpha1"; did you mean'
        ' "batchpoint.dev/v1alpha1"?',
    ),
    _row(
        "version-missing",
        "kind: BatchJob\nmetadata: {name: j}\n",
        ":1: BatchJob/j apiVersion: missing; must be batchpoint.dev/v1alpha1",
    ),
    _row(
        "kind-missing",
        "apiVersion: batchpoint.dev/v1alpha1\nmetadata: {name: j}\n",
        ":1: ?/j kind: missing; must be BatchEndpoint, BatchDeployment or BatchJob",
    ),
    _row(
        "name-missing",
        ENDPOINT.replace("metadata: {name: e}", "metadata: {}"),
        ":3: BatchEndpoint/? metadata.name: no name; must have a name",
    ),
    _row(
        "metadata-missing",
        ENDPOINT.replace("metadata: {name: e}\n", ""),
        ":1: BatchEndpoint/? metadata: missing; must be given: name, namespace, labels and"
        " annotations",
    ),
    _row(
        "name-upper-case",
        ENDPOINT.replace("name: e}", "name: Digits}"),
        ':3: BatchEndpoint/Digits metadata.name: "Digits"; must be lower-case letters, digits, - and'
        " ., with a letter or digit first and last",
    ),
    _row(
        "name-with-dot",
        ENDPOINT.replace("name: e}", "name: a.b}"),
        ':3: BatchEndpoint/a.b metadata.name: "a.b"; must not contain a dot',
    ),
    _row(
        "job-name-53",
        _JOB_WITH_INPUT.replace("name: j}", f"name: {'j' * 53}}}"),
        f":3: BatchJob/{'j' * 53} metadata.name: 53 characters; must be at most 52 characters",
    ),
    _row(
        "generated-name-48",
        _JOB_WITH_INPUT.replace("name: j}", f"generateName: {'j' * 48}}}"),
        f":3: BatchJob/{'j' * 48} metadata.generateName: 48 characters; must be at most 47"
        " characters",
    ),
    _row(
        "labels-misspelt",
        ENDPOINT.replace("name: e}", "name: e, lables: {a: b}}"),
        ':3: BatchEndpoint/e metadata.lables: unknown field; did you mean "labels"?',
    ),
    _row(
        "spec-misspelt",
        ENDPOINT.replace("spec:", "specs:"),
        ':4: BatchEndpoint/e specs: unknown field; did you mean "spec"?',
    ),
    _row(
        "endpoint-of-deployment-missing",
        DEPLOYMENT.replace("  endpoint: e\n", ""),
        ":4: BatchDeployment/d spec.endpoint: missing; must be given: name of the BatchEndpoint that"
        " this deployment serves",
    ),
    _row(
        "custom-without-script",
        DEPLOYMENT.replace("type: MLflow", "type: Custom"),
        ":4: BatchDeployment/d spec.codeConfiguration: missing; must be given, because model.type is"
        " Custom",
    ),
    _row(
        "neither-model-nor-script",
        DEPLOYMENT.replace('  model: {uri: "datastore://s/m", type: MLflow}\n', ""),
        ":4: BatchDeployment/d spec.model: missing; must be given, or else codeConfiguration",
    ),
    _row(
        "model-type-as-in-azure",
        DEPLOYMENT.replace("type: MLflow", "type: mlflow_model"),
        ':6: BatchDeployment/d spec.model.type: "mlflow_model"; must be MLflow or Custom; did you'
        " mean MLflow?",
    ),
    _row(
        "model-as-in-azure",
        DEPLOYMENT.replace("datastore://s/m", "azureml:credit@latest"),
        ':6: BatchDeployment/d spec.model.uri: "azureml:credit@latest"; did you mean'
        ' "models:/credit/latest"?',
    ),
    _row(
        "model-without-version",
        DEPLOYMENT.replace("datastore://s/m", "models:/credit"),
        ':6: BatchDeployment/d spec.model.uri: "models:/credit"; must look like'
        " models:/<name>/<version> or models:/<name>@<alias>",
    ),
    _row(
        "job-without-input",
        JOB,
        ":4: BatchJob/j spec.input: missing; must be given, or else rerun",
    ),
    _row(
        "key-twice",
        f"{_JOB_WITH_INPUT}  endpoint: f\n",
        ":7: BatchJob/j spec.endpoint: given twice, first on line 5; must be given once",
    ),
    _row(
        "azure-file",
        "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: e\n",
        ":1: ?/?: a file of Azure Machine Learning; must be converted first: batchpoint convert",
    ),
    _row(
        "no-object",
        "- a\n- b\n",
        ":1: a list instead of an object; must have apiVersion, kind, metadata and spec",
    ),
    _row(
        "no-yaml",
        "apiVersion: [batchpoint.dev\nkind: BatchJob\n",
        ":2: no YAML (expected ',' or ']', but got ':'); must be YAML or JSON documents",
    ),
    _row(
        "alias-of-itself",
        f"{_JOB_WITH_INPUT}  output: &o {{uri: 's3://b/c', fileName: *o}}\n",
        ":7: BatchJob/j spec.output.fileName: an alias of what it lies in; must not contain itself",
    ),
    _row(
        "asset-without-version-label",
        "apiVersion: v1\nkind: ConfigMap\n"
        "metadata: {name: batchpoint-asset-a-1, labels: {batchpoint.dev/asset: a}}\n"
        "data: {uri: 's3://b/a'}\n",
        ':3: ConfigMap/batchpoint-asset-a-1 metadata.labels["batchpoint.dev/asset-version"]:'
        " missing; must be a version: lower-case letters, digits, - and ., not latest",
    ),
    _row(
        "asset-of-another-name",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: new-data\n"
        "  labels: {batchpoint.dev/asset: a, batchpoint.dev/asset-version: '1'}\n"
        "data: {uri: 's3://b/a'}\n",
        ':4: ConfigMap/new-data metadata.name: "new-data"; must be "batchpoint-asset-a-1"',
    ),
    _row(
        "datastore-without-uri",
        "apiVersion: v1\nkind: Secret\n"
        "metadata: {name: batchpoint-datastore-lake, labels: {batchpoint.dev/datastore: lake}}\n"
        "stringData: {key: geheim}\n",
        ":4: Secret/batchpoint-datastore-lake stringData.uri: missing; must be the address that the"
        " name stands for",
    ),
    _row(
        "datastore-not-base64",
        "apiVersion: v1\nkind: Secret\n"
        "metadata: {name: batchpoint-datastore-lake, labels: {batchpoint.dev/datastore: lake}}\n"
        "data: {uri: 's3://geheim'}\n",
        ":4: Secret/batchpoint-datastore-lake data.uri: not base64; must be text in base64, or lie"
        " in stringData",
    ),
)


def _together(*texts: str) -> str:
    return "---\n".join(texts)


_BETWEEN = (
    _row(
        "endpoint-is-missing",
        _together(ENDPOINT, DEPLOYMENT, _JOB_WITH_INPUT.replace("endpoint: e", "endpoint: digits")),
        ':19: BatchJob/j spec.endpoint: there is no BatchEndpoint "digits"; BatchEndpoints here: e',
        complete=True,
    ),
    _row(
        "endpoint-of-deployment-is-missing",
        DEPLOYMENT,
        ':5: BatchDeployment/d spec.endpoint: there is no BatchEndpoint "e"; there are no'
        " BatchEndpoints to choose from",
        complete=True,
    ),
    _row(
        "default-deployment-is-missing",
        _together(
            ENDPOINT.replace("defaultDeployment: d", "defaultDeployment: main-2"),
            DEPLOYMENT.replace("name: d", "name: main-1"),
        ),
        ':5: BatchEndpoint/e spec.defaultDeployment: there is no BatchDeployment "main-2"; did you'
        ' mean "main-1"?',
        complete=True,
    ),
    _row(
        "deployment-is-missing",
        _together(ENDPOINT, DEPLOYMENT, f"{_JOB_WITH_INPUT}  deployment: candidate\n"),
        ':21: BatchJob/j spec.deployment: there is no BatchDeployment "candidate"; BatchDeployments'
        " here: d",
        complete=True,
    ),
    _row(
        "no-default",
        _together(
            ENDPOINT.replace("  defaultDeployment: d", "  description: x"),
            DEPLOYMENT,
            _JOB_WITH_INPUT,
        ),
        ':18: BatchJob/j spec.deployment: no deployment is named and BatchEndpoint "e" has no'
        " default; BatchDeployments here: d",
        complete=True,
    ),
    _row(
        "deployment-belongs-elsewhere",
        _together(
            ENDPOINT,
            DEPLOYMENT,
            ENDPOINT.replace("name: e", "name: f"),
        ),
        ':19: BatchEndpoint/f spec.defaultDeployment: BatchDeployment "d" belongs to BatchEndpoint'
        ' "e"; must be a deployment of "f"',
        complete=True,
    ),
    _row(
        "output-is-missing",
        _together(
            ENDPOINT,
            DEPLOYMENT.replace('  output: {uri: "datastore://s/out"}\n', ""),
            _JOB_WITH_INPUT,
        ),
        ':17: BatchJob/j spec.output.uri: missing, and BatchDeployment "d" has no output either;'
        " must be given in one of them",
        complete=True,
    ),
    _row(
        "asset-is-missing",
        _together(
            ENDPOINT,
            DEPLOYMENT,
            JOB + "  input: {uri: 'asset://new-data/2'}\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: batchpoint-asset-new-data-1\n"
            "  labels: {batchpoint.dev/asset: new-data, batchpoint.dev/asset-version: '1'}\n"
            "data: {uri: 's3://b/a'}\n",
        ),
        ':20: BatchJob/j spec.input.uri: data asset "new-data" has no version "2"; it has: 1',
        complete=True,
    ),
    _row(
        "datastore-is-not-allowed",
        _together(
            ENDPOINT,
            DEPLOYMENT + "  storage: {allowedDatastores: [lake]}\n",
            _JOB_WITH_INPUT,
        ),
        ':21: BatchJob/j spec.input.uri: BatchDeployment "d" does not allow datastore "s"; it'
        " allows: lake",
        complete=True,
    ),
    _row(
        "earlier-job-is-missing",
        _together(ENDPOINT, DEPLOYMENT, JOB + "  rerun: {job: first}\n"),
        ':20: BatchJob/j spec.rerun.job: there is no BatchJob "first"; there are no others here; give'
        " its manifest with -f too",
        complete=True,
    ),
    _row(
        "schedule-without-deployment",
        ENDPOINT.replace("  defaultDeployment: d", f"  schedules: [{_schedule()}]"),
        ":5: BatchEndpoint/e spec.schedules[0].jobTemplate.spec.deployment: no deployment is named"
        " and the endpoint has no default; name one here, or set spec.defaultDeployment",
    ),
    _row(
        "declared-twice",
        _together(ENDPOINT, ENDPOINT),
        f":9: BatchEndpoint/e metadata.name: declared twice, first at {FILE}:3; must be declared"
        " once; rename one of them",
    ),
)

BAD = (
    *_field("BatchEndpoint", ENDPOINT, _ENDPOINT_FIELDS | _SCHEDULE_FIELDS),
    *_field("BatchDeployment", DEPLOYMENT, _DEPLOYMENT_FIELDS),
    *_field("BatchJob", JOB, _JOB_FIELDS),
    *_field("BatchJob", _JOB_WITH_INPUT, _FULL_JOB_FIELDS),
    *_WHOLE,
    *_BETWEEN,
)

GOOD = _together(ENDPOINT, DEPLOYMENT, _JOB_WITH_INPUT)
"""Three documents with nothing wrong."""
