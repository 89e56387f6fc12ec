import { Type } from 'typebox'

/** Schema of a binary payload: a `Uint8Array`, which is sent in a binary frame (BINARY-1). */
export const Binary = Type.Refine(
  Type.Unsafe<Uint8Array>({}),
  (value) => value instanceof Uint8Array,
  () => 'must be bytes',
)
