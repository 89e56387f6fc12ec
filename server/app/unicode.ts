import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { HttpError } from './errors.ts'

/**
 * Hook that refuses a body with half of a surrogate pair, because such a body is not valid Unicode and cannot be
 * forwarded.
 */
export function refuseNonUnicode(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (isUnicode(request.body)) done()
  else done(new HttpError(400, 'The body contains an unpaired surrogate; it must be valid Unicode text.'))
}

// With the flag `u`, a surrogate pair is one character, so only unpaired surrogates match.
const UNPAIRED = /\p{Surrogate}/u

function isUnicode(body: unknown): boolean {
  const values: unknown[] = [body]
  // Use a list of remaining values instead of recursion, because a deeply nested body would overflow the stack.
  for (let value = values.pop(); value !== undefined; value = values.pop()) {
    if (typeof value === 'string' && UNPAIRED.test(value)) return false
    if (typeof value === 'object' && value !== null)
      values.push(...Object.keys(value), ...Object.values(value))
  }
  return true
}
