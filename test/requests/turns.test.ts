import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { ChatRequestSchema, type Message } from '../../src/domain/types.ts'
import { validateChat } from '../../src/service/validate/validate.ts'
import { encodeChat } from '../support/encode.ts'
import { answerOf, encoded, nextRequest } from './next-request.ts'
import { vendorTurns } from './turns.ts'
import { wires } from './wires.ts'

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
    const { json, leftOut } = encodeChat(turn.kind, request, { model: turn.model, options: turn.options ?? {} })
    const sent = (json['contents'] ?? json['input'] ?? json['messages']) as readonly unknown[] // as every vendor has it
    expect(sent[1]).toMatchObject(turn.goesBack as object)
    expect(leftOut).toEqual([])
  })

  it.each(wires.filter(({ kind }) => kind !== turn.kind))(
    'is taken by $name, and the caller is told of every thought and every proof that is lost',
    async ({ kind, model, options = {} }) => {
      const answer = await answerOf(turn)
      const result = encoded(kind, nextRequest(answer), { model, options })
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
