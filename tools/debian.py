"""Packages of Debian 13 beside the system: fetched by apt-get from the archives that the system already uses, signatures checked, nothing installed.

apt-get runs with state folders of its own, so root is not needed and the system's own package lists stay as they are.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

SUITE = "trixie"
"""Debian 13"""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""of package debian-archive-keyring; without it apt uses the system's trusted keys"""
FETCH_S = 300


class NoPackages(Exception):
    """Why they could not be fetched, in one plain sentence."""


class Apt:
    """One archive, its lists and what was fetched from it, all under `work`."""

    def __init__(self, archive: str, work: Path, sources: bool = False) -> None:
        self.work = work
        for name in ("state/lists/partial", "cache/archives/partial", "etc", "x"):
            (work / name).mkdir(parents=True)
        signed = f" [signed-by={KEYRING}]" if KEYRING.exists() else ""
        kinds = ("deb", "deb-src") if sources else ("deb",)
        (work / "etc/sources.list").write_text("".join(f"{kind}{signed} {archive} {SUITE} main\n" for kind in kinds), encoding="ascii")
        self._options = _options(work.absolute())
        run(["apt-get", *self._options, "-qq", "update"])

    def depends(self, package: str) -> set[str]:
        """What it needs directly."""
        lines = run(["apt-cache", *self._options, "depends", package]).splitlines()
        return {line.split()[-1] for line in lines if line.strip().startswith("Depends:") and "<" not in line}

    def unpack(self, packages: Iterable[str]) -> Path:
        """The folder in which they lie as on a system's root."""
        run(["apt-get", *self._options, "-qq", "download", *packages], cwd=self.work)
        for package in self.work.glob("*.deb"):
            run(["dpkg", "-x", str(package), str(self.work / "x")])
        return self.work / "x"

    def source(self, package: str) -> Path:
        """Its upstream archive (.orig.tar), checked against Debian's signed list."""
        run(["apt-get", *self._options, "-qq", "source", "--download-only", package], cwd=self.work)
        return next(self.work.glob(f"{package}_*.orig.tar.*"))


def fetch(work: Path, take: Callable[[Apt], None], sources: bool = False) -> None:
    """`take` from the first of the system's archives that works. Raises NoPackages; `work` is made anew for each try, and the caller's to remove."""
    for program in ("apt-get", "apt-cache", "dpkg"):
        if shutil.which(program) is None:
            raise NoPackages(f"{program} is not on this machine, and this comes as a Debian package")
    reasons = []
    try:
        for archive in _archives():
            shutil.rmtree(work, ignore_errors=True)
            try:
                return take(Apt(archive, work, sources))
            except subprocess.SubprocessError as error:
                reasons.append(reason(error))
    except subprocess.SubprocessError as error:
        reasons.append(reason(error))
    raise NoPackages("no configured Debian archive gave the package: " + ("; ".join(reasons) or "none is configured"))


def _archives() -> list[str]:
    """The addresses of the system's own archives, those of Debian proper first."""
    lines = run(["apt-get", "indextargets", "Created-By: Packages"]).splitlines()
    found = {line.removeprefix("Repo-URI: ") for line in lines if line.startswith("Repo-URI: ")}
    return sorted(found, key=lambda uri: (not uri.rstrip("/").endswith("/debian"), uri))


def _options(work: Path) -> list[str]:
    """Keep apt-get away from the system's state; as root it would otherwise drop to a user who cannot write here."""
    settings = {
        "Dir::Etc::sourcelist": work / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": work / "state",
        "Dir::Cache": work / "cache",
        "Dir::State::status": "/var/lib/dpkg/status",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "15",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def run(command: Sequence[str], cwd: Path | None = None, limit_s: float = FETCH_S) -> str:
    """Its output. Raises subprocess.SubprocessError."""
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL).stdout


def reason(error: subprocess.SubprocessError) -> str:
    """The last line that a program said before it failed."""
    told = getattr(error, "stderr", None) or getattr(error, "stdout", None) or str(error)
    lines = [line for line in str(told).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
