/** A piece, so often that it has `size` bytes at most. */
export function repeated(piece: Buffer | string, size: number): Buffer {
  const bytes = Buffer.from(piece)
  return Buffer.alloc(Math.floor(size / bytes.length) * bytes.length, bytes)
}

/** A field of bytes as protobuf writes it. https://protobuf.dev/programming-guides/encoding/ */
export function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** A value in that many wrappings of these fields each, the innermost first, made from the inside out. */
export function nested(levels: number, fields: readonly number[]): Buffer {
  const heads: Buffer[] = []
  let length = 0
  for (let level = 0; level < levels; level++) {
    for (const number of fields) {
      const head = Buffer.concat([varint(number * 8 + 2), varint(length)])
      heads.push(head)
      length += head.length
    }
  }
  return Buffer.concat(heads.reverse())
}
