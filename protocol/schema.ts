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

// Problem: validators ignore unknown keywords, so a misspelt schema would accept every payload. Approach: a schema
// must be empty or have a keyword of JSON Schema, the values of keywords must be valid, and a key that is similar to
// a keyword is rejected. Other keys are annotations, which JSON Schema allows.

const number = rule('a number', (value) => typeof value === 'number')
const typeName = oneOf('string', 'number', 'integer', 'boolean', 'null', 'object', 'array')
const pattern = rule('a regular expression', isRegExp)
const anyValue: Rule = () => null

/** Rules for the values of JSON Schema's keywords, by keyword. */
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
  // Keywords of TypeBox's function types.
  ...each(['parameters', 'returnType', 'instanceType'], anyValue),
}
const names = Object.keys(keywords)

/** Rule that accepts only TypeBox schemas and JSON Schemas. */
export function schema(value: unknown): Fault | null {
  const foreign = foreignSchema(value)
  if (foreign !== null) return { path: '', words: `must be ${LEGAL_SCHEMA} (got ${foreign})` }
  if (!isPlainObject(value)) return faultOf(LEGAL_SCHEMA, value)
  const keys = Object.keys(value)
  if (keys.length > 0 && !isSchemaLike(value)) return { path: '', words: withoutKeyword(value) }
  for (const key of keys) {
    const keyword = Object.hasOwn(keywords, key) ? keywords[key] : undefined
    if (keyword === undefined) {
      const similar = nearest(key, names)
      if (similar === null) continue
      return { path: '', words: `has an unknown keyword "${key}" (did you mean "${similar}"?)` }
    }
    // Do not check `type` in a TypeBox schema: TypeBox has more types than JSON Schema, such as bigint.
    if (key === 'type' && '~kind' in value) continue
    const fault = keyword(value[key])
    if (fault !== null) return { path: fault.path === '' ? key : `${key}.${fault.path}`, words: fault.words }
  }
  return null
}

/** Whether a value looks like a schema, of any library. */
export function isSchemaLike(value: unknown): boolean {
  if (foreignSchema(value) !== null) return true
  if (!isPlainObject(value)) return false
  return '~kind' in value || Object.keys(value).some((key) => Object.hasOwn(keywords, key))
}

const LEGAL_SCHEMA = 'a TypeBox schema or JSON Schema'

function each(keys: readonly string[], value: Rule): Record<string, Rule> {
  return Object.fromEntries(keys.map((key) => [key, value]))
}

function subschema(value: unknown): Fault | null {
  return typeof value === 'boolean' ? null : schema(value)
}

function isRegExp(value: unknown): boolean {
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
      : `did you mean "${similar}" instead of "${key}", or Type.Object({ … })?`
  return `must be ${LEGAL_SCHEMA} (got ${shown(value)}; ${hint})`
}

/** Ways to convert a schema to JSON Schema, by library. The keys are vendor names of https://standardschema.dev. */
const converters: Readonly<Record<string, string>> = {
  zod: "z.toJSONSchema(schema, { io: 'input' })",
  valibot: 'toJsonSchema(schema) of @valibot/to-json-schema',
  arktype: 'schema.toJsonSchema()',
}

/**
 * Returns true for a result of `z.toJSONSchema`: a JSON Schema to which zod adds the non-enumerable property
 * `~standard`.
 */
function isConverted(value: object): boolean {
  return isPlainObject(value) && Object.getOwnPropertyDescriptor(value, '~standard')?.enumerable === false
}

/** Describe a schema of another library, such as zod, for an error message. Null for any other value. */
function foreignSchema(value: unknown): string | null {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return null
  const vendor: unknown = '~standard' in value ? Object(value['~standard']).vendor : undefined
  const isZod = '_zod' in value || '_def' in value
  if (!isZod && (!('~standard' in value) || isConverted(value))) return null
  // A schema without `_zod` is from zod 3, which has no built-in converter to JSON Schema.
  if (isZod && !('_zod' in value)) {
    return 'a zod schema; convert it with zodToJsonSchema(schema) of zod-to-json-schema'
  }
  const library = isZod ? 'zod' : String(vendor)
  const converter = Object.hasOwn(converters, library) ? converters[library] : 'a JSON Schema converter'
  return `${/^[aeiou]/.test(library) ? 'an' : 'a'} ${library} schema; convert it with ${converter}`
}
