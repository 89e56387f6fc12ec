import { element } from './dom.ts'
import { partsOf } from './links.ts'

/** Create the text of a message, with its URLs as links. */
export function messageText(body: string): HTMLElement {
  const parts = partsOf(body).map(({ text, isLink }) => (isLink ? link(text) : text))
  const node = element('p', 'text', ...parts)
  node.dir = 'auto'
  return node
}

function link(address: string): HTMLAnchorElement {
  const node = element('a', 'link', address)
  node.href = address
  node.target = '_blank'
  node.rel = 'noopener noreferrer nofollow ugc'
  return node
}
