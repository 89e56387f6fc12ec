// Body of a message: `~00000042~` and padding. The tilde occurs nowhere else in a frame, so the number is found
// without parsing. The number is sufficient to detect lost, doubled and late messages.

const TILDE = 0x7e
const DIGITS = 8
const PADDING = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(4_000)

/**
 * Makes the body of message number `sequence`, `size` characters long.
 * @param {number} sequence
 * @param {number} size at least 10
 */
export function bodyOf(sequence, size) {
  return `~${String(sequence).padStart(DIGITS, '0')}~${PADDING.slice(0, size - DIGITS - 2)}`
}

/**
 * Returns the offset of the body between `start` and `end`; -1 if there is none. Tries `guess` first, because the
 * offset is the same in all frames of one topic.
 * @param {Buffer} bytes
 * @param {number} start
 * @param {number} end
 * @param {number} guess
 */
export function findBody(bytes, start, end, guess) {
  const at = bytes[guess] === TILDE ? guess : bytes.indexOf(TILDE, start)
  return at >= start && at + DIGITS + 1 < end && bytes[at + DIGITS + 1] === TILDE ? at : -1
}

/**
 * Reads the number in the body that begins at `at`.
 * @param {Buffer} bytes
 * @param {number} at
 */
export function sequenceAt(bytes, at) {
  return readNumber(bytes, at + 1)
}

/**
 * Reads the decimal number that begins at `at`.
 * @param {Buffer} bytes
 * @param {number} at
 */
export function readNumber(bytes, at) {
  let value = 0
  for (let digit = bytes[at] - 48; digit >= 0 && digit <= 9; digit = bytes[++at] - 48)
    value = value * 10 + digit
  return value
}
