import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv, type ValidateFunction } from 'ajv'

const validate = compileSchema()

/** Faults that AsyncAPI's own schema finds in a document, and its references that lead nowhere. */
export function faultsOf(document: object): unknown[] {
  // The document as it is sent, without the fields that JSON omits.
  const sent: unknown = JSON.parse(JSON.stringify(document))
  validate(sent)
  const lost = references(sent).filter((ref) => follow(sent, ref) === undefined)
  return [...(validate.errors ?? []), ...lost]
}

function compileSchema(): ValidateFunction {
  const path = createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0.json')
  const schema = JSON.parse(readFileSync(path, 'utf8'))
  // Ajv has that one already.
  delete schema.definitions['http://json-schema.org/draft-07/schema']
  return new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema)
}

/** Target of a reference in a document. */
export function follow(document: unknown, ref: string): unknown {
  const keys = decodeURIComponent(ref.slice(1)).split('/').slice(1)
  const names = keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  return names.reduce<unknown>((value, name) => Object(value)[name], document)
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = '$ref' in value ? [String(value.$ref)] : []
  return [...own, ...Object.values(value).flatMap(references)]
}
