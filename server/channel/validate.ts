import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { checkDefinition } from '../../protocol/check.ts'
import { schema as schemaRule } from '../../protocol/schema.ts'
import { UsageError, wordsOf } from '../errors.ts'

/** Validation error of a payload: the path of the invalid value (a JSON pointer), and a message. */
export type ValidationError = { readonly path: string; readonly message: string }

/** Returns null if the value is valid, otherwise the errors of the value. */
export type Check = (value: unknown) => readonly ValidationError[] | null

/**
 * Compile a schema into a check. Returns null if there is no schema.
 * @throws UsageError with `PHX_ERR_DEFINITION` when the schema is invalid. The error message contains `owner`.
 */
export function compile(schema: TSchema | undefined, owner = 'schema'): Check | null {
  if (schema === undefined) return null
  checkDefinition(owner, schema, schemaRule)
  const validator = validatorOf(schema, owner)
  return (value) =>
    validator.Check(value)
      ? null
      : validator.Errors(value).flatMap(({ keyword, schemaPath, instancePath: path, message }) => {
          // TypeBox reports an unknown key twice: at the object and at the key. Drop the error at the object.
          if (keyword === 'additionalProperties') return []
          const isUnknownKey = keyword === 'boolean' && schemaPath.endsWith('/additionalProperties')
          return [{ path, message: isUnknownKey ? 'is an unknown key' : message }]
        })
}

function validatorOf(schema: TSchema, owner: string): ReturnType<typeof Compile> {
  try {
    return Compile(schema)
  } catch (cause) {
    throw new UsageError('PHX_ERR_DEFINITION', `${owner} cannot be compiled: ${wordsOf(cause)}`, { cause })
  }
}
