import os
import sys
import uuid

import grpc
from llmgateway.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    alerts_pb2,
    batch_pb2,
    budgets_pb2,
    chat_pb2,
    complete_pb2,
    embed_pb2,
    estimate_pb2,
    gateway_pb2_grpc,
    health_pb2,
    ledger_pb2,
    message_pb2,
    models_pb2,
    stats_pb2,
)

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
channel = grpc.insecure_channel(address)
gateway = gateway_pb2_grpc.LlmGatewayStub(channel)
admin = admin_pb2_grpc.LlmGatewayAdminStub(channel)
options = {"metadata": [("authorization", f"Bearer {os.environ.get('GATEWAY_KEY', '')}")], "timeout": 30}

messages = [message_pb2.Message(role=message_pb2.ROLE_USER, content="Say hello.")]
answer = gateway.Chat(chat_pb2.ChatRequest(messages=messages, max_tokens=100), **options)
print(answer.message.content, answer.route.provider)

for event in gateway.StreamChat(chat_pb2.ChatRequest(messages=messages), **options):
    if event.WhichOneof("event") == "text":
        print(event.text.text, end="")
    elif event.WhichOneof("event") == "finish":
        print("", event.finish.usage.total)

conversation = [
    message_pb2.Message(role=message_pb2.ROLE_USER, content="What is the highest mountain of Europe?"),
    message_pb2.Message(role=message_pb2.ROLE_ASSISTANT, content="Mont Blanc, or Elbrus where the Caucasus counts as Europe."),
    message_pb2.Message(role=message_pb2.ROLE_USER, content="And of Africa?"),
]
drop_oldest = chat_pb2.CONTEXT_OVERFLOW_DROP_OLDEST
short = gateway.Chat(
    chat_pb2.ChatRequest(model="small/echo", messages=conversation, context_overflow=drop_oldest), **options
)
print(*short.route.warnings)

completion = gateway.Complete(complete_pb2.CompleteRequest(prompt="Once upon a time", max_tokens=100), **options)
print(completion.text, list(completion.route.warnings))

for event in gateway.StreamComplete(complete_pb2.CompleteRequest(prompt="Once upon a time"), **options):
    if event.WhichOneof("event") == "text":
        print(event.text.text, end="")
print()

requests = [chat_pb2.ChatRequest(model=model, messages=messages) for model in ("sim/echo", "sim/error-503")]
for item in gateway.BatchChat(batch_pb2.BatchChatRequest(requests=requests), **options):
    if item.WhichOneof("result") == "response":
        print(item.index, item.response.message.content)
    elif item.WhichOneof("result") == "error":
        print(item.index, item.error.reason)

vectors = gateway.Embed(embed_pb2.EmbedRequest(model="sim/embed", inputs=["one text", "another"]), **options)
print([len(vector.values) for vector in vectors.embeddings])

request = estimate_pb2.EstimateRequest(chat=chat_pb2.ChatRequest(messages=messages, max_tokens=100))
for target in gateway.Estimate(request, **options).targets:
    print(target.provider, target.model, target.input_tokens, target.usd_p50, target.usd_max)

keyed = {**options, "metadata": [*options["metadata"], ("idempotency-key", str(uuid.uuid4()))]}
for attempt in (1, 2):
    answer, call = gateway.Chat.with_call(chat_pb2.ChatRequest(messages=messages), **keyed)
    print(answer.message.content, attempt, dict(call.trailing_metadata()).get("idempotent-replayed", "has run"))

for model in gateway.ListModels(models_pb2.ListModelsRequest(provider="sim"), **options).models:
    print(model.id, *model.operations)

health = gateway.Health(health_pb2.HealthRequest(), **options)
stats = gateway.Stats(stats_pb2.StatsRequest(), **options)
print(health_pb2.HealthStatus.Name(health.status), stats.total_requests)
watch = gateway.WatchStats(stats_pb2.WatchStatsRequest(interval={"seconds": 1}), **options)
print(next(watch).total_requests)
watch.cancel()

providers = admin.ListProviders(admin_pb2.ListProvidersRequest(), **options).providers
test = admin.TestProvider(admin_pb2.TestProviderRequest(provider="sim"), **options)
keys = admin.ListKeys(admin_pb2.ListKeysRequest(), **options).keys
cache = admin.GetCacheStats(admin_pb2.GetCacheStatsRequest(), **options).stats
print(len(providers), test.ok, len(keys), cache.hits)
cleared = admin.ClearCache(admin_pb2.ClearCacheRequest(all=True), **options).cleared
admin.ResetStats(admin_pb2.ResetStatsRequest(), **options)
print(cleared > 0)

summary = admin.GetCostSummary(ledger_pb2.GetCostSummaryRequest(group_by=[ledger_pb2.COST_GROUP_MODEL]), **options)
records = admin.ListUsage(ledger_pb2.ListUsageRequest(page_size=10), **options).records
callers = admin.ListCallerCosts(ledger_pb2.ListCallerCostsRequest(), **options).callers
print(summary.total.usd, len(records) > 0, len(callers))

for budget in admin.ListBudgets(budgets_pb2.ListBudgetsRequest(name="daily"), **options).budgets:
    print(budget.spent_usd, budget.limit_usd, budgets_pb2.BudgetState.Name(budget.state))
adjusted = admin.AdjustBudget(budgets_pb2.AdjustBudgetRequest(name="daily", add_usd=5), **options).budget
print(adjusted.name, adjusted.limit_usd)

for delivery in admin.TestAlert(alerts_pb2.TestAlertRequest(), **options).deliveries:
    print(delivery.receiver, delivery.ok, delivery.message)

for progress in admin.EnsureModel(admin_pb2.EnsureModelRequest(provider="ollama", model="llama3.2"), **options):
    print(admin_pb2.EnsureModelState.Name(progress.state), progress.status, round(progress.percent))
