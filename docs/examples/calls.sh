#!/usr/bin/env bash
# The calls of docs/calls.md with grpcurl.
set -euo pipefail

grpcurl -plaintext -d '{"messages": [{"role": "ROLE_USER", "content": "Say hello."}], "max_tokens": 100}' \
  localhost:50051 llmgateway.v1.LlmGateway/Chat

grpcurl -plaintext -d '{"messages": [{"role": "ROLE_USER", "content": "Say hello."}]}' \
  localhost:50051 llmgateway.v1.LlmGateway/StreamChat

grpcurl -plaintext -d '{"model": "small/echo", "context_overflow": "CONTEXT_OVERFLOW_DROP_OLDEST", "messages": [
    {"role": "ROLE_USER", "content": "What is the highest mountain of Europe?"},
    {"role": "ROLE_ASSISTANT", "content": "Mont Blanc, or Elbrus where the Caucasus counts as Europe."},
    {"role": "ROLE_USER", "content": "And of Africa?"}
  ]}' localhost:50051 llmgateway.v1.LlmGateway/Chat

grpcurl -plaintext -d '{"prompt": "Once upon a time", "max_tokens": 100}' localhost:50051 llmgateway.v1.LlmGateway/Complete

grpcurl -plaintext -d '{"prompt": "Once upon a time"}' localhost:50051 llmgateway.v1.LlmGateway/StreamComplete

grpcurl -plaintext -d '{"requests": [
    {"messages": [{"role": "ROLE_USER", "content": "One."}]},
    {"model": "sim/error-503", "messages": [{"role": "ROLE_USER", "content": "Two."}]}
  ]}' localhost:50051 llmgateway.v1.LlmGateway/BatchChat

grpcurl -plaintext -d '{"model": "sim/embed", "inputs": ["one text", "another"]}' localhost:50051 llmgateway.v1.LlmGateway/Embed

grpcurl -plaintext -d '{"chat": {"messages": [{"role": "ROLE_USER", "content": "Say hello."}], "max_tokens": 100}}' \
  localhost:50051 llmgateway.v1.LlmGateway/Estimate

for attempt in 1 2; do
  grpcurl -plaintext -v -H 'idempotency-key: order-17' -d '{"messages": [{"role": "ROLE_USER", "content": "Say hello."}]}' \
    localhost:50051 llmgateway.v1.LlmGateway/Chat
done

grpcurl -plaintext -d '{"provider": "sim"}' localhost:50051 llmgateway.v1.LlmGateway/ListModels

grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGateway/Health
grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGateway/Stats
grpcurl -plaintext -max-time 3 -d '{"interval": "1s"}' localhost:50051 llmgateway.v1.LlmGateway/WatchStats || true

grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGatewayAdmin/ListProviders
grpcurl -plaintext -d '{"provider": "sim"}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/TestProvider
grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGatewayAdmin/ListKeys
grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGatewayAdmin/GetCacheStats
grpcurl -plaintext -d '{"all": true}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/ClearCache
grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGatewayAdmin/ResetStats

grpcurl -plaintext -d '{"group_by": ["COST_GROUP_MODEL"]}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/GetCostSummary
grpcurl -plaintext -d '{"page_size": 10}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/ListUsage
grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGatewayAdmin/ListCallerCosts

grpcurl -plaintext -d '{"name": "daily"}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/ListBudgets
grpcurl -plaintext -d '{"name": "daily", "add_usd": 5}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/AdjustBudget

grpcurl -plaintext localhost:50051 llmgateway.v1.LlmGatewayAdmin/TestAlert

grpcurl -plaintext -d '{"provider": "ollama", "model": "llama3.2"}' localhost:50051 llmgateway.v1.LlmGatewayAdmin/EnsureModel
