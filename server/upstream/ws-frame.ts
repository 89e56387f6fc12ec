import { Buffer } from 'node:buffer'
import type { Frame } from '../../protocol/index.ts'

// RFC 6455, section 5.2: the first byte is the FIN bit and the opcode. A server's frames are not masked.
const FINAL_TEXT = 0x81
const FINAL_BINARY = 0x82
const MAX_7_BITS = 125
const MAX_16_BITS = 65_535

/** Encode a WebSocket frame: a header of 2, 4 or 10 bytes, then the data. */
export function wsFrame(frame: Frame): Buffer {
  const { data } = frame
  const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length
  frame.size = size
  const headerSize = size <= MAX_7_BITS ? 2 : size <= MAX_16_BITS ? 4 : 10
  const bytes = Buffer.allocUnsafe(headerSize + size)
  bytes[0] = frame.opcode === 'text' ? FINAL_TEXT : FINAL_BINARY
  if (headerSize === 2) bytes[1] = size
  else if (headerSize === 4) {
    bytes[1] = 126
    bytes.writeUInt16BE(size, 2)
  } else {
    bytes[1] = 127
    bytes.writeBigUInt64BE(BigInt(size), 2)
  }
  if (typeof data === 'string') bytes.write(data, headerSize)
  else bytes.set(data, headerSize)
  return bytes
}
