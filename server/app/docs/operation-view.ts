import { type Html, html } from './html.ts'
import { type Schema, schemaView } from './schema-view.ts'

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

type Parameter = {
  readonly name: string
  readonly in: string
  readonly description?: string
  readonly schema?: Schema
}

/** One method of one path of an OpenAPI document, as far as it is shown. */
export type Operation = {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses?: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}

/** An operation, and where it is. */
export type Located = { readonly method: string; readonly path: string; readonly operation: Operation }

/** What an operation is called. */
export function nameOf({ method, path }: Located): string {
  return `${method.toUpperCase()} ${path}`
}

/** The id of its heading. */
export function idOf({ method, path }: Located): string {
  return `${method}${path.replace(/\W+/g, '-')}`
}

/** An operation: what it takes and what it answers. */
export function operationView(located: Located): Html {
  const { operation } = located
  const { parameters = [], requestBody, responses = {}, security = [] } = operation
  return html`<section class="operation" aria-labelledby="${idOf(located)}">
    <h3 id="${idOf(located)}"><code>${nameOf(located)}</code></h3>
    <p>${operation.summary ?? ''}</p>
    ${operation.description !== undefined && html`<p>${operation.description}</p>`}
    ${security.length > 0 && html`<p>It needs the API token: <code>Authorization: Bearer …</code></p>`}
    ${parameters.map(parameterView)}
    ${requestBody !== undefined && html`<h4>Body</h4><div>${contentView(requestBody.content)}</div>`}
    <h4>Answers</h4>
    <ul class="fields">${Object.entries(responses).map(
      ([status, { description, content = {} }]) =>
        html`<li><code>${status}</code> ${titleOf(description)}${contentView(content)}</li>`,
    )}</ul>
  </section>`
}

function parameterView({ name, in: place, description, schema = {} }: Parameter): Html {
  const described = description === undefined ? schema : { ...schema, description }
  return html`<h4>In its ${place}: <code>${name}</code></h4><div>${schemaView(described)}</div>`
}

/** Where a route says nothing, the document has these words, as it must have some. */
function titleOf(description: string): string {
  return description === 'Default Response' ? '' : `${description}: `
}

function contentView(content: Content): Html {
  return html`${Object.values(content).map(({ schema = {} }) => schemaView(schema))}`
}
