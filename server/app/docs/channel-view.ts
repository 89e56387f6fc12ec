import type { AsyncApi } from '../../index.ts'
import { type Html, html } from './html.ts'
import { schemaView } from './schema-view.ts'

type Channel = AsyncApi['channels'][string]
type Message = Channel['messages'][string]

/** The messages of a channel in one direction, seen from the client. */
type Direction = { readonly title: string; readonly prefix: string }

const directions: readonly Direction[] = [
  { title: 'A client sends', prefix: 'receive.' },
  { title: 'The server sends', prefix: 'send.' },
]

/** A channel: what travels on its topics, and what it is answered with. */
export function channelView({ address, messages }: Channel): Html {
  const id = channelId(address)
  return html`<section class="operation" aria-labelledby="${id}">
    <h3 id="${id}"><code>${address}</code></h3>
    ${directions.map(({ title, prefix }) => {
      const found = Object.entries(messages).filter(([key]) => key.startsWith(prefix))
      const views = found.map(([, message]) => messageView(message, messages))
      return views.length > 0 && html`<h4>${title}</h4><ul class="fields">${views}</ul>`
    })}
  </section>`
}

/** The id of a channel's heading. */
export function channelId(address: string): string {
  return `channel-${address.replace(/\W+/g, '-')}`
}

function messageView(message: Message, messages: Channel['messages']): Html {
  const { name, summary, payload } = message
  const reply = message.correlationId === undefined ? undefined : messages[`reply.ok.${name}`]
  return html`<li>
    <code class="name">${name}</code> ${summary !== undefined && html`${summary}: `}${schemaView(payload)}
    ${reply !== undefined && html`<div>It is answered with <code>${reply.name}</code>: ${schemaView(reply.payload)}</div>`}
  </li>`
}
