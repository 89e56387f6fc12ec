import type { Opcode } from '../../protocol/index.ts'

/** A frame as it came from a client. */
export type ClientFrame = { readonly data: Uint8Array; readonly opcode: Opcode }

const NDJSON = 'application/x-ndjson'
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BRACKET = '['.charCodeAt(0)
const BRACE = '{'.charCodeAt(0)

/**
 * The frames of a POST: the whole body is one text frame, or, as ndjson, each line is a frame, up to
 * `maxLines`; what follows is dropped, as Phoenix does (LONGPOLL-6).
 */
export function readFrames(contentType: string | undefined, body: Buffer, maxLines: number): ClientFrame[] {
  const [type = ''] = (contentType ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== NDJSON) return [{ data: body, opcode: 'text' }]
  const frames: ClientFrame[] = []
  for (let count = 0, start = 0; count < maxLines && start < body.length; count++) {
    const feed = body.indexOf(LINE_FEED, start)
    const end = feed === -1 ? body.length : feed
    const line = body.subarray(start, body[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
    if (line.length > 0) frames.push(readLine(line))
    start = end + 1
  }
  return frames
}

/** JSON of version 2 or 1 is text; anything else is a binary frame in base64. */
function readLine(line: Buffer): ClientFrame {
  if (line[0] === BRACKET || line[0] === BRACE) return { data: line, opcode: 'text' }
  // What is no base64 gives bytes that are no frame either, and is refused as such.
  return { data: Buffer.from(line.toString('latin1'), 'base64'), opcode: 'binary' }
}
