import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { HttpError } from './errors.ts'

/** A hook that refuses a body with half of a surrogate pair, which is not Unicode and cannot be sent on. */
export function refuseNonUnicode(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (isUnicode(request.body)) done()
  else done(new HttpError(400, 'The body contains an unpaired surrogate; it must be valid Unicode text.'))
}

// With the flag `u` a pair is one character, so only unpaired surrogates match.
const UNPAIRED = /\p{Surrogate}/u

function isUnicode(body: unknown): boolean {
  const values: unknown[] = [body]
  // A list of what is left to look at, because a body may nest deeper than functions can.
  for (let value = values.pop(); value !== undefined; value = values.pop()) {
    if (typeof value === 'string' && UNPAIRED.test(value)) return false
    if (typeof value === 'object' && value !== null)
      values.push(...Object.keys(value), ...Object.values(value))
  }
  return true
}
