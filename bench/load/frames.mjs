// Client side of RFC 6455, without features that no server under test uses (fragments, compression).

/** First byte of a whole frame (FIN set), by kind. */
export const TEXT = 0x81
export const CLOSE = 0x88
export const PING = 0x89
export const PONG = 0x8a

// Mask of all frames. It must not be zero: `ws` skips unmasking for a zero mask, which browsers never send.
const MASK = [0x5a, 0xc3, 0x17, 0x9e]

/**
 * Makes one masked frame, ready to be written.
 * @param {string} text
 * @param {number} kind
 */
export function maskedFrame(text, kind = TEXT) {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 6 : length < 65_536 ? 8 : 14
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = kind
  if (header === 6) frame[1] = 0x80 | length
  else if (header === 8) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.set(MASK, header - 4)
  frame.write(text, header)
  for (let i = 0; i < length; i++) frame[header + i] ^= MASK[i & 3]
  return frame
}

/**
 * Passes every whole frame between `from` and `length` to `receiver.frame`. Returns the offset of the incomplete rest.
 * Nothing is copied: the receiver reads the payload in place.
 * @param {Buffer} bytes
 * @param {number} from
 * @param {number} length
 * @param {{ frame(kind: number, bytes: Buffer, start: number, end: number): void }} receiver
 */
export function readFrames(bytes, from, length, receiver) {
  let at = from
  while (at + 2 <= length) {
    let size = bytes[at + 1]
    let header = 2
    if (size === 126) {
      if (at + 4 > length) break
      size = bytes.readUInt16BE(at + 2)
      header = 4
    } else if (size === 127) {
      if (at + 10 > length) break
      size = Number(bytes.readBigUInt64BE(at + 2))
      header = 10
    } else if (size > 127) throw new Error('the server masked a frame')
    const end = at + header + size
    if (end > length) break
    receiver.frame(bytes[at], bytes, at + header, end)
    at = end
  }
  return at
}
