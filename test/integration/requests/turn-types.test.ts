import { expect, it } from 'vitest'
import { answerOf, encoded, nextRequest } from '../../requests/next-request.ts'
import { vendorTurns } from '../../requests/turns.ts'
import { typeErrors } from '../../requests/type-check.ts'
import { wires } from '../../requests/wires.ts'

it('every answer of every vendor has the type of every vendor in the next request', async () => {
  const bodies = []
  for (const turn of vendorTurns) {
    const request = nextRequest(await answerOf(turn))
    for (const wire of wires) {
      const result = encoded(wire.kind, request, wire)
      if (result) bodies.push({ wire, request: `${turn.what} of ${turn.kind}`.replaceAll(' ', '-'), body: result.json })
    }
  }
  expect(bodies.length).toBeGreaterThan(100)
  expect(await typeErrors(bodies)).toEqual(new Map())
})
