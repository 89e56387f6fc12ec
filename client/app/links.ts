/** A piece of a message: plain text, or the address of a page. */
export type Part = { readonly text: string; readonly isLink: boolean }

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi
/** Characters that end a sentence or a quotation rather than an address. */
const TRAILING = /[.,;:!?'"”’»…\]}*_]+$/

/** Split a message at the addresses in it. The texts together are the message. */
export function partsOf(message: string): readonly Part[] {
  const parts: Part[] = []
  let end = 0
  for (const { 0: found, index } of message.matchAll(ADDRESS)) {
    const address = trimmed(found)
    if (!URL.canParse(address)) continue
    if (index > end) parts.push({ text: message.slice(end, index), isLink: false })
    parts.push({ text: address, isLink: true })
    end = index + address.length
  }
  if (end < message.length) parts.push({ text: message.slice(end), isLink: false })
  return parts
}

/** Without the punctuation after it; a closing bracket belongs to it if it has an opening one. */
function trimmed(found: string): string {
  let address = found.replace(TRAILING, '')
  while (address.endsWith(')') && count(address, ')') > count(address, '(')) {
    address = address.slice(0, -1).replace(TRAILING, '')
  }
  return address
}

function count(text: string, char: string): number {
  return text.split(char).length - 1
}
