import { describe, expect, it } from 'vitest'
import { delta, STOP, stream } from '../../../support/openai-replies.ts'

describe('reasoning', () => {
  it.each(['reasoning_content', 'reasoning'])('stands in %s', async (field) => {
    const { response } = await stream(
      delta({ [field]: 'Well, ' }),
      delta({ [field]: 'yes.' }),
      delta({ content: 'Yes.' }),
      STOP,
    )
    expect(response?.message).toMatchObject({ reasoning: [{ text: 'Well, yes.' }], content: 'Yes.' })
  })

  it('stands between parts of the content', async () => {
    const thinking = (text: string) => ({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] })
    const { response } = await stream(
      delta(thinking('Well, ')),
      delta(thinking('yes.')),
      delta({
        content: [
          { type: 'text', text: 'Yes.' },
          { type: 'reference', reference_ids: [1] },
        ],
      }),
      STOP,
    )
    expect(response?.message).toMatchObject({ reasoning: [{ text: 'Well, yes.' }], content: 'Yes.' })
  })

  it('comes as details: joined by their index, with signatures, the encrypted ones kept whole', async () => {
    const encrypted = { type: 'reasoning.encrypted', data: 'zzz', id: 'rs_1', index: 1 }
    const { response } = await stream(
      delta({ reasoning: 'We', reasoning_details: [{ type: 'reasoning.text', text: 'We', index: 0 }] }),
      delta({ reasoning: 'll.', reasoning_details: [{ type: 'reasoning.text', text: 'll.', index: 0 }] }),
      delta({ reasoning_details: [{ type: 'reasoning.text', signature: 'sig', index: 0 }, encrypted] }),
      delta({ reasoning_details: [{ type: 'reasoning.summary', summary: 'More.', index: 2 }] }),
      STOP,
    )
    expect(response?.message?.reasoning).toMatchObject([
      { text: 'Well.', signature: 'sig', redacted: '' },
      { text: '', redacted: JSON.stringify(encrypted) },
      { text: 'More.' },
    ])
  })
})
