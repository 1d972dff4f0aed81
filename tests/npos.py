"""npos, an ESC/POS parser that is not ours (npm, MIT, node): installed once below .rekam/, pinned by hash, run by node.

It knows no `GS ( k` (the QR code); it is told with its own rule for its siblings, as its README shows. Zeros behind a command count to it.
"""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".rekam" / "npos"
PINNED = {
    "bluebird@3.7.2": "XpNj6GDQzdfW+r2Wnn7xiSAd7TM3jzkxGXBGTtWKuSXv1xUV+azxAm8jdWZN06QTQk+2N2XB9jRDkvbmQmcRtg==",
    "iconv-lite@0.4.24": "v3MXnZAcvnywkTUEZomIActle7RXXeedOR31wwl7VlyoXO4Qi9arvSenNQWne1TcRwhCL1HwLI21bEqdpj8/rA==",
    "lodash@4.18.1": "dMInicTPVE8d1e5otfwmmjlxkZoUpiVLwyeTdUsi/Caj/gfzzblBcCE5sRHV/AsjuCmxWrte2TNGSYuCeCq+0Q==",
    "lwim@0.1.3": "QRZLpQMqe6HSp4wJMezHIg2LCA8bNThZ+M/CQF4xrEyHmsC/XgSLe4v4xqgb0AtIWLHnJi3j/GPw+/nItMFuPQ==",
    "mutable-buffer@2.2.5": "7tcqEsTLRnxYzE57Gd0GrR/fBdD0SWd4nz4d3FPVgA3Xc6GWgrEFh2NCGZNVsHfAZQG+R09c04w03l/D3jN0dQ==",
    "npos@0.1.19": "MYA+m+r5Bqc7EYa0QhUpsa9iz9GEimyaPqvjpV9EXZdRKe3KyngwLUYs051ZqgYJOyjZziSOPlNKYqd/9cv75A==",
    "proback@1.0.3": "TU9HQaVUQN/ENzArBKezgUPyl+L0KdeQGiPcFR4/zQ2+4Ox2zGHW4gGyoFsBKm7uD6Y9HTRKlAWE8Ic8BmxIng==",
    "safer-buffer@2.1.2": "YZo3K82SD7Riyi0E1EQPojLz7kpepnSQI9IyPbHHg1XXXevb5dJI7tpyN2ADxGcQbHG7vcyRHk0cbwqcQriUtg==",
    "struct-fu@1.2.1": "QrtfoBRe+RixlBJl852/Gu7tLLTdx3kWs3MFzY1OHNrSsYYK7aIAnzqsncYRWrKGG/QSItDmOTlELMxehw4Gjw==",
    "tslib@2.9.1": "a4Ux9VKuIMHsOS7ENbEq6hK2ZGYIT27Rtl0E4eD9KqwxhKiQeMZE/9xb3IdYwWaSOyIBQLExhQgXDTYoiCxnWA==",
}
"""name@version -> SHA-512 of its archive"""
INSTALL = ("npm", "install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts", "--omit=optional", "--save-exact", "--prefix", str(FOLDER))
SCRIPT = """\
const Parser = require('npos/lib/parser')
const rules = require('npos/lib/parser/rules')
rules[0x1d]['(k'] = rules[0x1d]['(K']
const raw = require('fs').readFileSync(0)
const found = new Parser(rules).analyze(raw)
if (found.error) throw found.error
console.log(JSON.stringify(found.tree.map(node => raw.toString('hex', node.offset, node.offset + node.length))))
"""


@cache
def missing() -> str:
    """Why npos cannot be used; empty when it can. Installs it at the first call."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "needs node and npm"
    if _installed() != PINNED:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "package.json").write_text('{"private": true}\n', encoding="ascii")
        done = subprocess.run([*INSTALL, *PINNED], capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            return f"npm cannot install npos: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}"
    return "" if _installed() == PINNED else "npm gave another npos than the pinned one"


def _installed() -> dict[str, str]:
    """As npm noted when it had checked the archives."""
    try:
        found = json.loads((FOLDER / "node_modules" / ".package-lock.json").read_text(encoding="utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return {}
    return {f"{name.removeprefix('node_modules/')}@{package['version']}": package["integrity"].removeprefix("sha512-") for name, package in found.items()}


def commands(document: bytes) -> list[bytes]:
    """Commands and runs of text in their order. Raises CalledProcessError for bytes that are no ESC/POS to npos."""
    done = subprocess.run(["node", "--no-deprecation", "-e", SCRIPT], cwd=FOLDER, input=document, capture_output=True, check=True, timeout=30)
    return [bytes.fromhex(part) for part in json.loads(done.stdout)]
