import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { Pending } from './pending.ts'

/** What the body of one POST may be. */
export type BodyLimits = {
  readonly maxBodyBytes: number
  /** Milliseconds from when the server begins to read it. */
  readonly bodyTimeout: number
}

/** Why a body could not be read; `aborted` when the client has hung up. */
export type BodyProblem = 'too large' | 'too slow' | 'aborted'

/** Read a body that nobody has begun to read. The rest of one with a problem stays unread. */
export async function readBody(
  stream: Readable,
  { maxBodyBytes, bodyTimeout }: BodyLimits,
): Promise<Buffer | BodyProblem> {
  const outcome = new Pending<BodyProblem | 'whole'>(bodyTimeout, 'too slow')
  const chunks: Buffer[] = []
  let size = 0
  let isWhole = false
  const onData = (chunk: Buffer | string) => {
    // A hook of the application may have put a stream of text in place of the request.
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    size += bytes.length
    if (size > maxBodyBytes) outcome.settle('too large')
    else chunks.push(bytes)
  }
  stream.on('data', onData)
  stream.once('end', () => {
    isWhole = size <= maxBodyBytes
    outcome.settle('whole')
  })
  // Over HTTP/2 a body that breaks off is told to end, too, but after it was told to close.
  stream.once('close', () => outcome.settle('aborted'))
  stream.on('error', () => outcome.settle('aborted'))
  const problem = await outcome.promise
  // After a blocked event loop, timers run before the bytes that have come meanwhile are read.
  if (problem === 'too slow') await turn()
  stream.off('data', onData)
  if (problem === 'whole' || (problem === 'too slow' && isWhole)) return Buffer.concat(chunks, size)
  stream.pause()
  return problem
}
