"""Whether the process that owns a job is alive: its lock file shows it, and in doubt it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seedance_mcp.jobs.journal import process_lock
from seedance_mcp.jobs.journal.process_lock import ProcessLock


def test_another_process_is_alive_while_it_holds_its_lock(tmp_path: Path) -> None:
    one, other = ProcessLock(tmp_path), ProcessLock(tmp_path)
    assert one.id != other.id
    assert one.alive(other.id)
    assert other.alive(one.id)
    assert (tmp_path / one.id).exists()  # asking does not remove the file of a living process
    other.release()
    assert not one.alive(other.id)
    assert one.alive(one.id)
    one.release()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_process_is_dead(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path)
    assert not lock.alive("0123456789abcdef")
    lock.release()


def test_the_lock_file_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path)
    (tmp_path / "killed").touch()
    assert not lock.alive("killed")
    assert [path.name for path in tmp_path.iterdir()] == [lock.id]
    lock.release()


def test_a_process_that_was_killed_is_dead(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from seedance_mcp.jobs.journal.process_lock import ProcessLock;"
        "print(ProcessLock(Path(sys.argv[1])).id, flush=True); sys.stdin.read()"
    )
    lock = ProcessLock(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        name = child.stdout.readline().strip()
        assert lock.alive(name)
        child.kill()
        child.wait(timeout=30)
    assert not lock.alive(name)
    lock.release()


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_nobody_else_can_read_the_locks(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path / "a" / "owners")
    assert (tmp_path / "a" / "owners").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "owners" / lock.id).stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ProcessLock(tmp_path / "file" / "owners")


def test_where_files_cannot_be_locked_no_process_is_known_to_be_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(fd: int) -> bool:
        raise OSError("no locks available")

    monkeypatch.setattr(process_lock, "lock", unsupported)
    one, other = ProcessLock(tmp_path), ProcessLock(tmp_path)
    assert one.alive(other.id)
    assert (tmp_path / other.id).exists()
    other.release()
    one.release()


def test_asking_leaves_no_file_open(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("only Linux lists them")
    one, other = ProcessLock(tmp_path), ProcessLock(tmp_path)
    (tmp_path / "killed").touch()
    before = len(list(descriptors.iterdir()))
    for name in (other.id, "killed", "unknown"):
        one.alive(name)
    assert len(list(descriptors.iterdir())) == before
    other.release()
    one.release()


def test_a_process_makes_its_lock_file_anew_if_it_is_gone(tmp_path: Path) -> None:
    one, other = ProcessLock(tmp_path), ProcessLock(tmp_path)
    (tmp_path / one.id).unlink()
    assert one.alive(one.id)
    assert not other.alive(one.id)
    one.renew()
    assert other.alive(one.id)
    one.renew()
    assert other.alive(one.id)
    one.release()
    other.release()


def test_a_lock_that_cannot_be_made_anew_closes_no_file_of_anybody_else(tmp_path: Path) -> None:
    folder = tmp_path / "owners"
    lock = ProcessLock(folder)
    (folder / lock.id).unlink()
    folder.rmdir()
    folder.write_text("in the way")
    for _ in range(2):
        with (tmp_path / "journal").open("w") as other:  # it may get the number of a file that was closed
            with pytest.raises(OSError, match="exists"):
                lock.renew()
            other.write("still open")
    folder.unlink()
    lock.renew()
    assert (folder / lock.id).exists()
    lock.release()


def test_a_lock_file_that_cannot_be_opened_means_alive(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path)
    (tmp_path / "folder").mkdir()  # opening it is an error, for any user
    assert lock.alive("folder")
    lock.release()
