/** Piece of a message: plain text or a URL. */
export type Part = { readonly text: string; readonly isLink: boolean }

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi
/** Characters after a URL that belong to the surrounding text, such as the period that ends a sentence. */
const TRAILING = `.,;:!?'"”’»…]}*_`

/** Split a message into text and URLs. The texts of all parts together are the message. */
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

/** Remove the punctuation after a URL. A `)` belongs to the URL if the URL also contains its `(`. */
function trimmed(found: string): string {
  // Scan backwards once. A message can consist of punctuation only, so the time must be linear in its length.
  let end = found.length
  let unopened = count(found, ')') - count(found, '(')
  for (; end > 0; end--) {
    const char = found.charAt(end - 1)
    if (char === ')' && unopened > 0) unopened -= 1
    else if (!TRAILING.includes(char)) break
  }
  return found.slice(0, end)
}

function count(text: string, char: string): number {
  return text.split(char).length - 1
}
