import { expect, test } from 'vitest'
import { formatTraceparent, isSampled, parseTraceparent } from '../../../src/telemetry/tracing/traceparent.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'

test.each([
  ['sampled', `00-${trace}-${span}-01`, true],
  ['not sampled', `00-${trace}-${span}-00`, false],
  ['with a flag of a later level', `00-${trace}-${span}-02`, false],
])('a valid header, %s, is read and written back as it was', (_, header, sampled) => {
  const context = parseTraceparent(header)
  expect(context).toMatchObject({ traceId: trace, spanId: span, isRemote: true })
  expect(context && formatTraceparent(context)).toBe(header)
  expect(context && isSampled(context)).toBe(sampled)
})

test('a later version may carry more', () => {
  expect(parseTraceparent(`cc-${trace}-${span}-01-what-the-future-brings`)).toMatchObject({ traceId: trace })
})

test.each([
  ['nothing', ''],
  ['another form', 'b3: 1'],
  ['capital letters', `00-${trace.toUpperCase()}-${span}-01`],
  ['the forbidden version', `ff-${trace}-${span}-01`],
  ['no trace', `00-${'0'.repeat(32)}-${span}-01`],
  ['no span', `00-${trace}-${'0'.repeat(16)}-01`],
  ['more than version 00 has', `00-${trace}-${span}-01-x`],
  ['two headers joined', `00-${trace}-${span}-01,00-${trace}-${span}-01`],
  ['a line break', `00-${trace}-${span}-01\n`],
])('a header with %s is ignored', (_, header) => {
  expect(parseTraceparent(header)).toBeUndefined()
})
