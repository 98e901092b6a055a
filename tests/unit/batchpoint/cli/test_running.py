import json
from pathlib import Path

from batchpoint.cli import running
from batchpoint.cli.interruptions import Interruptions
from batchpoint.cli.preparing import LocalJob
from batchpoint.cli.progress import Display
from batchpoint.cli.summary import JobResult
from batchpoint_runner.contract import ExitCode, Progress
from support import runner_stand_in
from support.builders import a_config


class Silent(Display):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def show(self, progress: Progress) -> None:
        """Show nothing."""

    def note(self, sentence: str) -> None:
        """Keep it."""
        self.notes.append(sentence)

    def close(self) -> None:
        """Have nothing to close."""


def run(folder: Path, *lives: str, interrupts: int = 0) -> tuple[JobResult, list[str]]:
    """Run a job whose one instance was started ahead and lives as told."""
    workplace = runner_stand_in.workplace(folder)
    job = LocalJob(config=a_config(), output_folder=(folder / "out").as_uri())
    display, interruptions = Silent(), Interruptions()
    interruptions.count = interrupts
    with interruptions:
        ahead = runner_stand_in.started(folder, lives)
        result = running.run(job, workplace, display, interruptions, ahead)
    assert set() == ahead.pids
    return result, display.notes


def test_processes_that_were_started_ahead_are_taken_over(tmp_path: Path) -> None:
    """They find the configuration where they look for it."""
    result, notes = run(tmp_path, "host 0")
    assert (ExitCode.SUCCEEDED, 1, []) == (result.code, result.instances, notes)
    written = json.loads((tmp_path / "config.json").read_text())
    assert a_config().job.uid == written["job"]["uid"]


def test_what_a_crashed_instance_wrote_is_told(tmp_path: Path) -> None:
    """Its runner cannot even start."""
    result, notes = run(tmp_path, "die", "die")
    assert (ExitCode.CRASHED, "runner: I die.", 1) == (result.code, result.log_tail, len(notes))


def test_an_interrupt_from_before_drains(tmp_path: Path) -> None:
    """It came while manifests were read."""
    result, notes = run(tmp_path, "host wait", interrupts=1)
    assert ExitCode.DRAINED is result.code
    assert "Stopping" in notes[0]
