import signal as signals
import sys
from pathlib import Path

from batchpoint.cli import processes


def test_user_code_sees_no_credential_and_no_setting_of_ours() -> None:
    """Everything else of the shell stays, the tracking server's address too."""
    shell = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AZURE_CLIENT_SECRET": "x",
        "AZUREML_CUSTOM": "kept",
        "BATCHPOINT_CONFIG": "x",
        "GOOGLE_APPLICATION_CREDENTIALS": "x",
        "MLFLOW_TRACKING_PASSWORD": "x",
        "MLFLOW_TRACKING_TOKEN": "x",
        "MLFLOW_TRACKING_URI": "http://mlflow",
    }
    expected = {"PATH": "/bin", "AZUREML_CUSTOM": "kept", "MLFLOW_TRACKING_URI": "http://mlflow"}
    assert expected == processes.scorer_environment(shell, [])


def test_user_code_does_not_find_our_packages() -> None:
    """A checkout on PYTHONPATH is taken off; the user's own folders stay in order."""
    shell = {"PYTHONPATH": "/a:/ours:/b"}
    assert {"PYTHONPATH": "/a:/b"} == processes.scorer_environment(shell, [Path("/ours")])


def test_an_empty_python_path_is_left_out() -> None:
    """An empty entry would mean the current folder."""
    assert {} == processes.scorer_environment({"PYTHONPATH": "/ours"}, [Path("/ours")])


def test_a_child_writes_to_its_log_and_leads_its_own_session(tmp_path: Path) -> None:
    """So Ctrl-C on the terminal does not reach it."""
    command = [sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"]
    child = processes.start(command, {}, log=tmp_path / "log")
    assert (0, "True\n") == (child.wait(), (tmp_path / "log").read_text())


def test_killing_a_group_reaches_grandchildren(tmp_path: Path) -> None:
    """A shell and what it started end together, and the child is reaped."""
    child = processes.start(["/bin/sh", "-c", "sleep 600; true"], {}, log=tmp_path / "log")
    processes.kill_group(child)
    assert -signals.SIGKILL == child.returncode
