import type { AsyncApi } from '../../index.ts'
import { channelId, channelView } from './channel-view.ts'
import { type Html, html } from './html.ts'
import { idOf, type Located, nameOf, type Operation, operationView } from './operation-view.ts'
import { type Schema, schemaView } from './schema-view.ts'

/** An OpenAPI document, as far as it is shown. */
export type OpenApi = {
  readonly info: { readonly title: string; readonly version: string }
  readonly tags?: readonly { readonly name: string; readonly description?: string }[]
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

/** The page to read: the routes, the schemas that they share, and the channels. It needs no script. */
export function reference(openApi: OpenApi, asyncApi: AsyncApi): string {
  const { title, version } = openApi.info
  const schemas = Object.entries(openApi.components?.schemas ?? {})
  const channels = Object.values(asyncApi.channels)
  const page = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title}: reference</title>
    <link rel="icon" href="icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="docs.css" />
  </head>
  <body>
    <header>
      <h1>${title} <span class="version">${version}</span></h1>
      <p>
        For programs: <a href="docs/openapi.json">the routes as OpenAPI</a>,
        <a href="docs/asyncapi.json">the channels as AsyncAPI</a>.
      </p>
    </header>
    <nav aria-label="Contents">
      <ul>
        ${groupsOf(openApi).flatMap(({ operations }) => operations.map((one) => link(idOf(one), nameOf(one))))}
        ${schemas.map(([name]) => link(`schema-${name}`, name))}
        ${channels.map(({ address }) => link(channelId(address), address))}
      </ul>
    </nav>
    <main>
      ${groupsOf(openApi).map(
        ({ name, description, operations }) => html`<h2>${name}</h2>
          <p>${description}</p>
          ${operations.map(operationView)}`,
      )}
      <h2>schemas</h2>
      ${schemas.map(
        ([name, schema]) => html`<h3 id="schema-${name}">${name}</h3>
          <div>${schemaView(schema)}</div>`,
      )}
      <h2>channels</h2>
      <p>${asyncApi.info.description}</p>
      ${channels.map(channelView)}
    </main>
  </body>
</html>
`
  return page.text
}

function link(id: string, text: string): Html {
  return html`<li><a href="#${id}"><code>${text}</code></a></li>`
}

type Group = { readonly name: string; readonly description: string; readonly operations: readonly Located[] }

/** The operations by their tags, in the order of the tags. */
function groupsOf({ tags = [], paths = {} }: OpenApi): Group[] {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
  return tags.map(({ name, description = '' }) => ({
    name,
    description,
    operations: all.filter(({ operation }) => operation.tags?.includes(name)),
  }))
}
