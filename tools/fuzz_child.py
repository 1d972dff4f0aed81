"""The process in which libFuzzer runs: `python -m tools.fuzz_child TARGET CORPUS_FOLDER [libFuzzer options]`. It ends the process itself."""

import sys

import atheris

with atheris.instrument_imports(include=["protocols", "district"]):
    from tools.fuzz_targets import TARGETS


def main() -> None:
    """Never returns."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
