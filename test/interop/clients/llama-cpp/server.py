"""llama.cpp's server with SmolLM2, until its input ends: `server.py` for text, `server.py embed` for vectors."""

import sys

import xllamacpp
from weights import path_of_weights

parameters = xllamacpp.CommonParams()
parameters.model.path = path_of_weights()
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
