import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { checkDefinition } from '../../protocol/check.ts'
import { schema as schemaRule } from '../../protocol/schema.ts'
import { UsageError, wordsOf } from '../errors.ts'

/** One thing that is wrong with a payload: where (a JSON pointer) and what. */
export type ValidationError = { readonly path: string; readonly message: string }

/** Returns null if the value fits, else what is wrong with it. */
export type Check = (value: unknown) => readonly ValidationError[] | null

/**
 * Compile a schema into a check; null if there is no schema, and so nothing to check.
 * @throws UsageError with `PHX_ERR_DEFINITION` that names the `owner`, when it is not a valid schema.
 */
export function compile(schema: TSchema | undefined, owner = 'schema'): Check | null {
  if (schema === undefined) return null
  checkDefinition(owner, schema, schemaRule)
  const validator = validatorOf(schema, owner)
  return (value) =>
    validator.Check(value)
      ? null
      : validator.Errors(value).map((error) => ({ path: error.instancePath, message: error.message }))
}

function validatorOf(schema: TSchema, owner: string): ReturnType<typeof Compile> {
  try {
    return Compile(schema)
  } catch (cause) {
    throw new UsageError('PHX_ERR_DEFINITION', `${owner} cannot be compiled: ${wordsOf(cause)}`, { cause })
  }
}
