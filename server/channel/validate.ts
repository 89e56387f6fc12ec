import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** One thing that is wrong with a payload: where (a JSON pointer) and what. */
export type ValidationError = { readonly path: string; readonly message: string }

/** Returns null if the value fits, else what is wrong with it. */
export type Check = (value: unknown) => readonly ValidationError[] | null

/** Compile a schema into a check; null if there is no schema, and so nothing to check. */
export function compile(schema: TSchema | undefined): Check | null {
  if (schema === undefined) return null
  const validator = Compile(schema)
  return (value) =>
    validator.Check(value)
      ? null
      : validator.Errors(value).map((error) => ({ path: error.instancePath, message: error.message }))
}
