import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/domain/error.ts'
import { ChatRequestSchema, type Message, Role } from '../../src/domain/types.ts'
import { validateChat } from '../../src/service/validate/validate.ts'
import { decodeWhole } from '../support/decode.ts'
import { type Encoded, encodeChat, type RequestInit, wireOf } from '../support/encode.ts'
import { type VendorTurn, vendorTurns } from './turns.ts'
import { typeErrors } from './type-check.ts'
import { wires } from './wires.ts'

/** The answer of a vendor, as its caller gets it. */
async function answerOf({ kind, reply }: VendorTurn): Promise<Message> {
  const { response, error } = await decodeWhole(wireOf(kind), reply)
  if (!response?.message) throw error ?? new Error('there is no answer')
  return response.message
}

/** The next request of a caller who puts the answer into it as it is, and answers its calls. */
function nextRequest(answer: Message): RequestInit {
  const results = answer.toolCalls.map(({ id }) => ({ role: Role.TOOL, toolCallId: id, content: 'Rain.' }))
  const names = new Set(answer.toolCalls.map(({ name }) => name))
  const tools = [...names].map((name) => ({ name, parameters: '{"type":"object"}' }))
  const goOn = { role: Role.USER, content: 'Go on.' }
  return { messages: [{ role: Role.USER, content: 'Hi.' }, answer, ...results, goOn], tools }
}

/** Undefined where the target says that it cannot carry it. */
function encoded(kind: string, request: RequestInit, model: string): Encoded | undefined {
  try {
    return encodeChat(kind, request, { model })
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'UNSUPPORTED') return undefined
    throw error
  }
}

/** The fields of the signatures of calls that are not sent. */
function lostProofs({ toolCalls }: Message, body: string): string[] {
  return toolCalls.flatMap(({ signature }, index) =>
    signature === '' || body.includes(signature) ? [] : [`messages[1].tool_calls[${index}].signature`],
  )
}

describe.each(vendorTurns)('$what of $kind', (turn) => {
  it('is taken back by the gateway and by the vendor, whole and without a warning', async () => {
    const request = nextRequest(await answerOf(turn))
    expect(() => validateChat(create(ChatRequestSchema, request))).not.toThrow()
    const { json, leftOut } = encodeChat(turn.kind, request, { model: turn.model })
    const sent = (json['contents'] ?? json['messages']) as readonly unknown[] // as every vendor has it
    expect(sent[1]).toMatchObject(turn.goesBack as object)
    expect(leftOut).toEqual([])
  })

  it.each(wires.filter(({ kind }) => kind !== turn.kind))(
    'is taken by $name, and the caller is told of every thought and every proof that is lost',
    async ({ kind, model }) => {
      const answer = await answerOf(turn)
      const result = encoded(kind, nextRequest(answer), model)
      if (!result) {
        expect(turn.media).toBe(true)
        return
      }
      expect(result.body).toContain(answer.content || answer.refusal || 'Hi.')
      for (const call of answer.toolCalls) expect(result.body).toContain(`"${call.name}"`)
      for (const [index, { text, signature, redacted }] of answer.reasoning.entries()) {
        const isSecret = signature !== '' || redacted !== ''
        const isSent = result.body.includes(JSON.stringify(redacted || text).slice(1, -1))
        if (isSecret && !isSent) expect(result.leftOut).toContain(`messages[1].reasoning[${index}]`)
      }
      expect(result.leftOut).toEqual(expect.arrayContaining(lostProofs(answer, result.body)))
    },
  )
})

it('every answer of every vendor has the type of every vendor in the next request', async () => {
  const bodies = []
  for (const turn of vendorTurns) {
    const request = nextRequest(await answerOf(turn))
    for (const wire of wires) {
      const result = encoded(wire.kind, request, wire.model)
      if (result) bodies.push({ wire, request: `${turn.what} of ${turn.kind}`.replaceAll(' ', '-'), body: result.json })
    }
  }
  expect(bodies.length).toBeGreaterThan(100)
  expect(await typeErrors(bodies)).toEqual(new Map())
})
