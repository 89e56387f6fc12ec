import {
  boolean,
  type Fault,
  faultOf,
  list,
  nonNegative,
  oneOf,
  type Rule,
  record,
  rule,
  string,
} from './check.ts'
import { nearest } from './nearest.ts'
import { isPlainObject, shown } from './shown.ts'

// A schema of which nothing is understood would accept every payload. So a schema must have a keyword of JSON
// Schema, unless it is empty; its keywords must have values of their kind; and a keyword that is nearly one of
// JSON Schema's is refused. Other keys are annotations, which JSON Schema allows.

const number = rule('a number', (value) => typeof value === 'number')
const typeName = oneOf('string', 'number', 'integer', 'boolean', 'null', 'object', 'array')
const pattern = rule('a regular expression', isPattern)
const anyValue: Rule = () => null

/** Keywords, each with the rule of its value: those that check, those that contain schemas, annotations. */
const keywords: Readonly<Record<string, Rule>> = {
  type: (value) => (Array.isArray(value) ? list(typeName)(value) : typeName(value)),
  enum: list(anyValue),
  const: anyValue,
  format: string,
  pattern,
  required: list(string),
  uniqueItems: boolean,
  dependentRequired: record(list(string)),
  ...each(['maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum', 'multipleOf'], number),
  ...each(['maxLength', 'minLength', 'maxItems', 'minItems', 'maxProperties', 'minProperties'], nonNegative),
  ...each(['maxContains', 'minContains'], nonNegative),
  ...each(['properties', '$defs', 'definitions', 'dependentSchemas'], record(subschema)),
  patternProperties: record(subschema, pattern),
  ...each(['allOf', 'anyOf', 'oneOf', 'prefixItems'], list(subschema)),
  items: (value) => (Array.isArray(value) ? list(subschema)(value) : subschema(value)),
  ...each(['additionalProperties', 'additionalItems', 'contains', 'propertyNames'], subschema),
  ...each(['not', 'if', 'then', 'else', 'unevaluatedItems', 'unevaluatedProperties'], subschema),
  ...each(['$id', '$ref', '$schema', '$anchor', '$dynamicRef', '$dynamicAnchor', '$comment'], string),
  ...each(['title', 'description', 'contentEncoding', 'contentMediaType'], string),
  ...each(['contentSchema', 'dependencies', 'default', 'examples', 'example'], anyValue),
  ...each(['deprecated', 'readOnly', 'writeOnly', 'nullable'], anyValue),
  ...each(['discriminator', 'externalDocs', 'xml', '$vocabulary'], anyValue),
  // TypeBox's types of functions.
  ...each(['parameters', 'returnType', 'instanceType'], anyValue),
}
const names = Object.keys(keywords)

/** A schema of TypeBox, or a JSON Schema. */
export function schema(value: unknown): Fault | null {
  const foreign = foreignSchema(value)
  if (foreign !== null) return { path: '', words: `must be ${LEGAL} (got ${foreign})` }
  if (!isPlainObject(value)) return faultOf(LEGAL, value)
  const keys = Object.keys(value)
  if (keys.length > 0 && !isSchemaLike(value)) return { path: '', words: withoutKeyword(value) }
  for (const key of keys) {
    const keyword = Object.hasOwn(keywords, key) ? keywords[key] : undefined
    if (keyword === undefined) {
      const similar = nearest(key, names)
      if (similar === null) continue
      return { path: '', words: `has no keyword "${key}"; did you mean "${similar}"?` }
    }
    // TypeBox has types beyond those of JSON Schema, such as bigint.
    if (key === 'type' && '~kind' in value) continue
    const fault = keyword(value[key])
    if (fault !== null) return { path: fault.path === '' ? key : `${key}.${fault.path}`, words: fault.words }
  }
  return null
}

/** Whether a value is meant as a schema, of whatever library. */
export function isSchemaLike(value: unknown): boolean {
  if (foreignSchema(value) !== null) return true
  if (!isPlainObject(value)) return false
  return '~kind' in value || Object.keys(value).some((key) => Object.hasOwn(keywords, key))
}

const LEGAL = 'a TypeBox schema or JSON Schema'

function each(keys: readonly string[], value: Rule): Record<string, Rule> {
  return Object.fromEntries(keys.map((key) => [key, value]))
}

function subschema(value: unknown): Fault | null {
  return typeof value === 'boolean' ? null : schema(value)
}

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    new RegExp(value, 'u')
    return true
  } catch {
    return false
  }
}

function withoutKeyword(value: object): string {
  const [key = ''] = Object.keys(value)
  const similar = nearest(key, names)
  const hint =
    similar === null
      ? 'its keys are not keywords of JSON Schema; write the properties of an object as Type.Object({ … })'
      : `did you mean "${similar}"?`
  return `must be ${LEGAL} (got ${shown(value)}; ${hint})`
}

/** The converters to JSON Schema, by the vendor that a schema names (https://standardschema.dev). */
const converters: Readonly<Record<string, string>> = {
  zod: 'z.toJSONSchema(schema)',
  valibot: 'toJsonSchema(schema) of @valibot/to-json-schema',
  arktype: 'schema.toJsonSchema()',
}

/** The words for a schema of another library, null for anything else. */
function foreignSchema(value: unknown): string | null {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return null
  const vendor: unknown = '~standard' in value ? Object(value['~standard']).vendor : undefined
  const isZod = '_zod' in value || '_def' in value
  if (!isZod && !('~standard' in value)) return null
  // Zod 3 has no converter of its own.
  if (isZod && !('_zod' in value)) {
    return 'a zod schema; convert it with zodToJsonSchema(schema) of zod-to-json-schema'
  }
  const library = isZod ? 'zod' : String(vendor)
  const converter = Object.hasOwn(converters, library) ? converters[library] : 'its converter to JSON Schema'
  return `${/^[aeiou]/.test(library) ? 'an' : 'a'} ${library} schema; convert it with ${converter}`
}
