import type { Opcode } from '../../protocol/index.ts'

/** Undecoded frame of a client. */
export type ClientFrame = { readonly data: Uint8Array; readonly opcode: Opcode }

const NDJSON = 'application/x-ndjson'
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BRACKET = '['.charCodeAt(0)
const BRACE = '{'.charCodeAt(0)

/**
 * Split the body of a POST into frames. An ndjson body has one frame per line; lines after the first `maxLines` are
 * dropped, as in Phoenix. Any other body is one text frame (LONGPOLL-6).
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

/**
 * Read a line of an ndjson body. A line that starts with `[` or `{` is a text frame; any other line is a binary frame
 * in base64.
 */
function readLine(line: Buffer): ClientFrame {
  if (line[0] === BRACKET || line[0] === BRACE) return { data: line, opcode: 'text' }
  // `Buffer.from` accepts invalid base64. The frame decoder later refuses the resulting bytes.
  return { data: Buffer.from(line.toString('latin1'), 'base64'), opcode: 'binary' }
}
