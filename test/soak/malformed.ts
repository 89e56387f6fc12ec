import type { Line } from './line.ts'
import { intrude, mustBe, type Offence, type Offences } from './offence.ts'

const AT_ONCE = 5

/** Create an offence: joined clients send malformed data, and the server must close each with this code. */
function closedWith(code: number, send: (line: Line) => void): Offence {
  const once = async (line: Line): Promise<void> => {
    await line.join('room:a', { id: 'malformed' })
    send(line)
    mustBe(await line.ended, code)
  }
  return async (target) => {
    const lines = await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => intrude(target, n)))
    await Promise.all(lines.map(once))
  }
}

/** Create the same offence with bytes that no WebSocket library would send. */
function bytesClosedWith(code: number, ...bytes: readonly number[]): Offence {
  return closedWith(code, ({ tcp }) => tcp?.write(Uint8Array.from(bytes)))
}

/** Create arrays in arrays, as JSON. */
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

/** A mask that changes nothing. */
const MASK = [0, 0, 0, 0]

/** Frames that cannot be read. */
export const malformed: Offences = {
  'text that is no JSON': closedWith(1011, ({ ws }) => ws.send('hello')),
  'JSON that is no message': closedWith(1011, ({ ws }) => ws.send('{"topic":"room:a"}')),
  'bytes that end too soon': closedWith(1011, ({ ws }) => ws.send(Uint8Array.of(0, 9, 9))),
  'text that is no UTF-8': bytesClosedWith(1007, 0x81, 0x82, ...MASK, 0xff, 0xfe),
  'a frame without a mask': bytesClosedWith(1002, 0x81, 0x01, 0x61),
  'a frame of no known kind': bytesClosedWith(1002, 0x83, 0x80, ...MASK),
  'JSON that nests too deep': closedWith(1011, ({ ws }) =>
    ws.send(`["1","2","room:a","note",${nested(9_000)}]`),
  ),
  'a message that does not end': bytesClosedWith(1002, 0x01, 0x81, ...MASK, 0x61, 0x89, 0x80, ...MASK),
  'a frame above the limit': closedWith(1009, ({ ws }) => ws.send('x'.repeat(1_048_577))),
  'a frame of a terabyte': bytesClosedWith(1009, 0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, ...MASK),
}
