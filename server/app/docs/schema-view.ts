import { type Html, html } from './html.ts'

/** A JSON schema, as far as it is shown. */
export type Schema = {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly description?: string
  readonly pattern?: string
}

/** A schema in words, and below it the properties of its objects. */
export function schemaView(schema: Schema): Html {
  return html`${about(schema)}${fields(schema)}`
}

function about(schema: Schema): Html {
  const { description, pattern } = schema
  return html`${typeOf(schema)}${pattern !== undefined && html`, which fits <code>${pattern}</code>`}${
    description !== undefined && html`: ${description}`
  }`
}

function typeOf(schema: Schema): Html {
  const alternatives = schema.anyOf ?? schema.oneOf
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? schema.$ref
    return html`<a href="#schema-${name}">${name}</a>`
  }
  if ('const' in schema) return html`<code>${JSON.stringify(schema.const)}</code>`
  if (schema.enum !== undefined) return alternativesOf(schema.enum.map((value) => typeOf({ const: value })))
  if (alternatives !== undefined) return alternativesOf(alternatives.map(typeOf))
  if (schema.type === 'array') return html`array of ${typeOf(schema.items ?? {})}`
  if (valuesOf(schema) !== null) return html`object whose values are each: ${typeOf(valuesOf(schema) ?? {})}`
  if (schema.allOf !== undefined) return html`object`
  return html`${schema.type === undefined ? 'any value' : [schema.type].flat().join(' or ')}`
}

function alternativesOf(items: readonly Html[]): Html {
  return html`${items.map((item, index) => html`${index > 0 && ' or '}${item}`)}`
}

/** The schema that every value of an object fits, where its keys are free. */
function valuesOf({ additionalProperties: values }: Schema): Schema | null {
  return typeof values === 'object' ? values : null
}

function fields(schema: Schema): Html {
  const properties = propertiesOf(schema)
  if (properties.length === 0) return html``
  return html`<ul class="fields">${properties.map(
    ({ name, property, isRequired }) => html`<li>
      <code class="name">${name}</code> ${about(property)}${!isRequired && html` <em>(optional)</em>`}
      ${fields(property)}
    </li>`,
  )}</ul>`
}

type Property = { readonly name: string; readonly property: Schema; readonly isRequired: boolean }

/** The properties of an object, or of the objects that a list or a free object holds. */
function propertiesOf(schema: Schema): Property[] {
  const { properties = {}, required = [], items, allOf = [] } = schema
  const own = Object.entries(properties).map(([name, property]) => ({
    name,
    property,
    isRequired: required.includes(name),
  }))
  const inner = [...allOf, items ?? valuesOf(schema) ?? {}].filter((one) => one !== schema)
  return own.length > 0 || Object.keys(schema).length === 0 ? own : inner.flatMap(propertiesOf)
}
