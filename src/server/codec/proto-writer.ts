import { endianness } from 'node:os'

/** Size in bytes of the buffer that is kept; enough for nearly every message. */
const USUAL_SIZE = 64 * 1024
/** Up to this length a loop over the characters is faster than a call into native code. */
const SHORT_TEXT = 24
/** Up to this length a loop is faster for copying bytes. */
const SHORT_MESSAGE = 128

/**
 * Writes the protobuf wire format from its end to its beginning. The length of a nested message is known when it has to
 * be written, so nothing is moved or measured beforehand.
 * https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoWriter {
  #buffer = Buffer.allocUnsafeSlow(USUAL_SIZE)
  /** Offset of the bytes written so far. */
  #start = USUAL_SIZE

  /** Number of bytes written since the last `take`. */
  get length(): number {
    return this.#buffer.length - this.#start
  }

  /** Returns a copy of all bytes written, and clears the writer. */
  take(): Buffer {
    const { length } = this
    const bytes = Buffer.allocUnsafe(length)
    if (length > SHORT_MESSAGE) this.#buffer.copy(bytes, 0, this.#start)
    else for (let index = 0; index < length; index++) bytes[index] = this.#buffer[this.#start + index] as number // it was written
    this.clear()
    return bytes
  }

  /** Discards what was written. */
  clear(): void {
    if (this.#buffer.length > 16 * USUAL_SIZE) this.#buffer = Buffer.allocUnsafeSlow(USUAL_SIZE)
    this.#start = this.#buffer.length
  }

  /** An unsigned number of up to 53 bits. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1)
      this.#buffer[--this.#start] = value
      return
    }
    let length = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
    this.#reserve(length)
    this.#start -= length
    let at = this.#start
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[at++] = (rest % 0x80) | 0x80
    this.#buffer[at] = rest
  }

  /** A number of 64 bits, in two's complement if it is negative. */
  varint64(value: bigint | number): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value))
      return
    }
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    this.bytes(Uint8Array.from(bytes))
  }

  double(value: number): void {
    this.#reserve(8)
    this.#start -= 8
    this.#buffer.writeDoubleLE(value, this.#start)
  }

  float(value: number): void {
    this.#reserve(4)
    this.#start -= 4
    this.#buffer.writeFloatLE(value, this.#start)
  }

  /** A packed list of 32-bit floats. */
  floats(values: readonly number[]): void {
    const bytes = Buffer.from(Float32Array.from(values).buffer)
    this.bytes(endianness() === 'BE' ? bytes.swap32() : bytes)
  }

  fixed32BigEndian(value: number): void {
    this.#reserve(4)
    this.#start -= 4
    this.#buffer.writeUInt32BE(value, this.#start)
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#start -= value.length
    this.#buffer.set(value, this.#start)
  }

  text(value: string): void {
    if (value.length <= SHORT_TEXT && this.#shortText(value)) return
    const length = Buffer.byteLength(value)
    this.#reserve(length)
    this.#start -= length
    this.#buffer.write(value, this.#start, length)
  }

  /** Writes nothing and returns false if the text is not ASCII. */
  #shortText(value: string): boolean {
    this.#reserve(value.length)
    const start = this.#start - value.length
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      this.#buffer[start + index] = code
    }
    this.#start = start
    return true
  }

  #reserve(length: number): void {
    if (length <= this.#start) return
    const written = this.length
    const larger = Buffer.allocUnsafeSlow(2 * (this.#buffer.length + length))
    this.#buffer.copy(larger, larger.length - written, this.#start)
    this.#buffer = larger
    this.#start = larger.length - written
  }
}
