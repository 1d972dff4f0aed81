"""Every input that fuzzing ever found worth keeping, and every named defect, again."""

import pytest

from tools.fuzz import TARGET_NAMES, read_corpus
from tools.fuzz_targets import TARGETS


def test_the_command_offers_every_target() -> None:
    assert set(TARGET_NAMES) == set(TARGETS)


@pytest.mark.parametrize("target", TARGET_NAMES)
def test_replay(target: str) -> None:
    corpus = read_corpus(target)
    assert corpus
    for name, data in corpus.items():
        try:
            TARGETS[target](data)
        except Exception as problem:
            raise AssertionError(f"{target}: {name}") from problem
