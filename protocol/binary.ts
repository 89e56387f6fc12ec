import { Type } from 'typebox'

/** Schema of a payload of bytes: a `Uint8Array`, which travels in a binary frame (BINARY-1). */
export const Binary = Type.Refine(
  Type.Unsafe<Uint8Array>({}),
  (value) => value instanceof Uint8Array,
  () => 'must be bytes',
)
