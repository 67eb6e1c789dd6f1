import { randomUUID } from 'node:crypto'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { EnsureModelState, LlmGatewayAdmin } from '../../gen/llmgateway/v1/admin_pb.js'
import { BudgetState } from '../../gen/llmgateway/v1/budgets_pb.js'
import { ContextOverflow } from '../../gen/llmgateway/v1/chat_pb.js'
import { LlmGateway } from '../../gen/llmgateway/v1/gateway_pb.js'
import { HealthStatus } from '../../gen/llmgateway/v1/health_pb.js'
import { CostGroup } from '../../gen/llmgateway/v1/ledger_pb.js'
import { Role } from '../../gen/llmgateway/v1/message_pb.js'

const address = process.argv[2] ?? '127.0.0.1:50051'
const transport = createGrpcTransport({ baseUrl: `http://${address}` })
const gateway = createClient(LlmGateway, transport)
const admin = createClient(LlmGatewayAdmin, transport)
const options = { headers: { authorization: `Bearer ${process.env['GATEWAY_KEY'] ?? ''}` }, timeoutMs: 30_000 }

const messages = [{ role: Role.USER, content: 'Say hello.' }]
const answer = await gateway.chat({ messages, maxTokens: 100 }, options)
console.log(answer.message?.content, answer.route?.provider)

for await (const { event } of gateway.streamChat({ messages }, options)) {
  if (event.case === 'text') process.stdout.write(event.value.text)
  else if (event.case === 'finish') console.log('', event.value.usage?.total)
}

const conversation = [
  { role: Role.USER, content: 'What is the highest mountain of Europe?' },
  { role: Role.ASSISTANT, content: 'Mont Blanc, or Elbrus where the Caucasus counts as Europe.' },
  { role: Role.USER, content: 'And of Africa?' },
]
const contextOverflow = ContextOverflow.DROP_OLDEST
const short = await gateway.chat({ model: 'small/echo', messages: conversation, contextOverflow }, options)
console.log(short.route?.warnings.join())

const { text, route } = await gateway.complete({ prompt: 'Once upon a time', maxTokens: 100 }, options)
console.log(text, route?.warnings)

for await (const { event } of gateway.streamComplete({ prompt: 'Once upon a time' }, options)) {
  if (event.case === 'text') process.stdout.write(event.value.text)
}
console.log()

const requests = ['sim/echo', 'sim/error-503'].map((model) => ({ model, messages }))
for await (const { index, result } of gateway.batchChat({ requests }, options)) {
  if (result.case === 'response') console.log(index, result.value.message?.content)
  else if (result.case === 'error') console.log(index, result.value.reason)
}

const { embeddings } = await gateway.embed({ model: 'sim/embed', inputs: ['one text', 'another'] }, options)
console.log(embeddings.map(({ values }) => values.length))

const { targets } = await gateway.estimate({ chat: { messages, maxTokens: 100 } }, options)
for (const { provider, model, inputTokens, usdP50, usdMax } of targets) {
  console.log(provider, model, inputTokens, usdP50, usdMax)
}

const keyed = { ...options, headers: { ...options.headers, 'idempotency-key': randomUUID() } }
for (const attempt of [1, 2]) {
  const onTrailer = (trailer: Headers) => console.log(attempt, trailer.get('idempotent-replayed') ?? 'has run')
  console.log((await gateway.chat({ messages }, { ...keyed, onTrailer })).message?.content)
}

const { models } = await gateway.listModels({ provider: 'sim' }, options)
for (const model of models) console.log(model.id, model.operations.join(' '))

const { status } = await gateway.health({}, options)
const { totalRequests } = await gateway.stats({}, options)
console.log(HealthStatus[status], totalRequests)

const leaving = new AbortController()
try {
  for await (const stats of gateway.watchStats({}, { ...options, signal: leaving.signal })) {
    console.log(stats.totalRequests)
    leaving.abort()
  }
} catch (error) {
  if (!leaving.signal.aborted) throw error
}

const { providers } = await admin.listProviders({}, options)
const { ok } = await admin.testProvider({ provider: 'sim' }, options)
const { keys } = await admin.listKeys({}, options)
const cache = await admin.getCacheStats({}, options)
console.log(providers.length, ok, keys.length, cache.stats?.hits)
const { cleared } = await admin.clearCache({ answers: { case: 'all', value: true } }, options)
await admin.resetStats({}, options)
console.log(cleared > 0n)

const { total } = await admin.getCostSummary({ groupBy: [CostGroup.MODEL] }, options)
const { records } = await admin.listUsage({ pageSize: 10 }, options)
const { callers } = await admin.listCallerCosts({}, options)
console.log(total?.usd, records.length > 0, callers.length)

const { budgets } = await admin.listBudgets({ name: 'daily' }, options)
for (const { spentUsd, limitUsd, state } of budgets) console.log(spentUsd, limitUsd, BudgetState[state])
const { budget } = await admin.adjustBudget({ name: 'daily', addUsd: 5 }, options)
console.log(budget?.name, budget?.limitUsd)

const { deliveries } = await admin.testAlert({}, options)
for (const { receiver, ok, message } of deliveries) console.log(receiver, ok, message)

for await (const { state, status, percent } of admin.ensureModel({ provider: 'ollama', model: 'llama3.2' }, options)) {
  console.log(EnsureModelState[state], status, Math.round(percent))
}
