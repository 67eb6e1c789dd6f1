/** Makes one call after the other at replicas of the gateway until its input ends, then prints what became of them. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { chat, streamChat } from '../../support/client.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { variable } from './variable.ts'

const TEXT = 'one two three'

const outcome = { calls: 0, retried: 0, failures: {} as Record<string, number> }
const client = new GrpcClient(`ipv4:${variable('GATEWAYS')}`, {
  'grpc.service_config': readFileSync(variable('SERVICE_CONFIG'), 'utf8'),
  interceptors: [countRetried],
})

/** Counts the calls whose answer says that there were attempts before. */
function countRetried(...[options, next]: Parameters<grpc.Interceptor>): grpc.InterceptingCall {
  return new grpc.InterceptingCall(next(options), {
    start(metadata, _listener, start) {
      start(metadata, {
        onReceiveMetadata(received, pass) {
          if (received.get('grpc-previous-rpc-attempts').length > 0) outcome.retried++
          pass(received)
        },
      })
    },
  })
}

async function chatOnce() {
  const { value, error } = await chat(client, { model: variable('CHAT_MODEL') })
  return { error, text: value?.message?.content }
}

async function streamOnce() {
  const { text, cases, error } = await streamChat(client, { model: variable('STREAM_MODEL') })
  return { error, text: cases.at(-1) === 'finish' ? text : `${text} without its end` }
}

const calling = { on: true }
const workers = Array.from({ length: Number(variable('WORKERS')) }, async (_, worker) => {
  const act = worker % 2 ? streamOnce : chatOnce
  while (calling.on) {
    outcome.calls++
    const { error, text } = await act()
    const failure = error ? `${error.code} ${error.reason ?? error.message}` : text === TEXT ? '' : `only "${text}"`
    if (failure !== '') outcome.failures[failure] = (outcome.failures[failure] ?? 0) + 1
  }
})
await once(process.stdin.resume(), 'end')
calling.on = false
await Promise.all(workers)
client.close()
console.log(JSON.stringify(outcome))
