"""The tus server of the npm project, for `./rekam bench link`: installed once below .rekam/, run by node."""

import shutil
import subprocess
from pathlib import Path

from tools.paths import ROOT

FOLDER = ROOT / ".rekam" / "tus"
PACKAGES = ("@tus/server@2", "@tus/file-store@2")
SCRIPT = """\
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'
const [host, port, directory] = process.argv.slice(2)
const server = new Server({ path: '/files', datastore: new FileStore({ directory }), relativeLocation: true })
server.listen({ host, port: Number(port) }, () => console.log('ready'))
"""


def missing() -> str:
    """Why there is no tus server; empty when there is one. Installs it at the first call."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "needs node and npm"
    if not (FOLDER / "node_modules" / "@tus" / "server").is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(FOLDER), *PACKAGES]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"npm cannot install @tus/server: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}"
    script = FOLDER / "server.mjs"
    if not script.exists() or script.read_text(encoding="utf-8") != SCRIPT:
        script.write_text(SCRIPT, encoding="utf-8")
    return ""


def command(host: str, port: int, directory: Path) -> list[str]:
    """How to start it."""
    directory.mkdir(parents=True, exist_ok=True)
    return ["node", str(FOLDER / "server.mjs"), host, str(port), str(directory)]


def received(directory: Path, record_bytes: int) -> dict[str, float]:
    """Whole files and all bytes kept."""
    sizes = [path.stat().st_size for path in directory.iterdir() if path.suffix != ".json"]
    return {"records": sum(size == record_bytes for size in sizes), "payload_bytes": sum(sizes)}
