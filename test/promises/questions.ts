import { setTimeout as pause } from 'node:timers/promises'
import { Role, type Route } from '../../src/domain/types.ts'
import { chat, type ServerName, streamChat } from '../support/client.ts'
import {
  begin,
  chatBody,
  DONE,
  delta,
  type Exchange,
  json,
  type Reply,
  STOP,
  USAGE,
} from '../support/upstream-server.ts'

/** What came of a question. */
export interface Answer {
  /** What was wrong with it, if anything was. */
  readonly fault: string | undefined
  readonly route: Route | undefined
}

const PIECES = 3
/** Busy machines are slow, in ms. */
const DEADLINE = { deadline: 60_000 }

/** Answers each question with words of its own, each piece of them `gap` ms after the one before. */
export function answersEach(gap: number): Reply {
  return (exchange) => void notify(exchange, gap)
}

async function notify(exchange: Exchange, gap: number): Promise<void> {
  const { hit, response } = exchange
  const [message] = hit.json['messages'] as { content: string }[] // as the gateway asks
  const words = wordsTo(message?.content ?? '')
  if (hit.json['stream'] !== true) {
    await pause(gap)
    json(chatBody(words.join('')))(exchange)
    return
  }
  begin()(exchange)
  for (const word of words) {
    await pause(gap)
    response.write(delta(word))
  }
  response.end(STOP + USAGE + DONE)
}

function wordsTo(question: string): string[] {
  return Array.from({ length: PIECES }, (_, index) => `${question}, part ${index + 1}. `)
}

/** Asks a question, in one piece or streamed, and compares the answer with what `answersEach` says to it. */
export async function ask(server: ServerName, question: string, streams: boolean): Promise<Answer> {
  const request = { provider: 'house', messages: [{ role: Role.USER, content: question }] }
  const { text, error, route } = streams ? await streamed(server, request) : await whole(server, request)
  if (error) return { fault: `${error.code} ${error.reason}`, route }
  return { fault: text === wordsTo(question).join('') ? undefined : 'another text', route }
}

type Request = Parameters<typeof chat>[1]

async function whole(server: ServerName, request: Request) {
  const { value, error } = await chat(server, request, DEADLINE)
  return { text: value?.message?.content, error, route: value?.route }
}

async function streamed(server: ServerName, request: Request) {
  const { messages, text, error } = await streamChat(server, request, DEADLINE)
  const last = messages.at(-1)?.event
  return { text, error, route: last?.case === 'finish' ? last.value.route : undefined }
}
