import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { Deferred } from './deferred.ts'

/** Limits of the body of one POST. */
export type BodyLimits = {
  readonly maxBodyBytes: number
  /** Maximum time to read the body, in milliseconds. */
  readonly bodyTimeout: number
}

/** Reason why a body could not be read. `aborted` means that the client has hung up. */
export type BodyProblem = 'too large' | 'too slow' | 'aborted'

/**
 * A body may have one chunk for each `CHUNK_BYTES` bytes of `maxBodyBytes`. Each chunk costs a few hundred bytes of
 * memory, so a large body in tiny chunks would cost many times its size.
 */
const CHUNK_BYTES = 1_024
/** Number of chunks that is always allowed, even if `maxBodyBytes` is small. */
const MIN_CHUNKS = 1_024

/** Read the whole body of an unread request. If there is a problem, the rest of the body is not read. */
export async function readBody(
  stream: Readable,
  { maxBodyBytes, bodyTimeout }: BodyLimits,
): Promise<Buffer | BodyProblem> {
  // If a hook of the application has replaced the body with another stream, this stream may have failed before.
  if (stream.destroyed) return 'aborted'
  const outcome = new Deferred<BodyProblem | 'whole'>(bodyTimeout, 'too slow')
  const maxChunks = Math.max(MIN_CHUNKS, maxBodyBytes / CHUNK_BYTES)
  const chunks: Buffer[] = []
  let size = 0
  let isTooLarge = false
  let isWhole = false
  const onData = (chunk: Buffer | string) => {
    // A hook of the application may have replaced the body with a stream of strings.
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    size += bytes.length
    isTooLarge ||= size > maxBodyBytes || chunks.length >= maxChunks
    if (isTooLarge) outcome.settle('too large')
    else chunks.push(bytes)
  }
  stream.on('data', onData)
  stream.once('end', () => {
    isWhole = !isTooLarge
    outcome.settle('whole')
  })
  // A body that breaks off emits `close`. Over HTTP/2, the body also emits `end` after `close`; this `end` has no
  // effect.
  stream.once('close', () => outcome.settle('aborted'))
  stream.on('error', () => outcome.settle('aborted'))
  const problem = await outcome.promise
  // If the event loop was blocked, the timer of `bodyTimeout` runs before Node reads the bytes that have arrived. So wait
  // one more turn, in which Node reads these bytes.
  if (problem === 'too slow') await turn()
  stream.off('data', onData)
  if (problem === 'whole' || (problem === 'too slow' && isWhole)) return Buffer.concat(chunks, size)
  stream.pause()
  return problem
}
