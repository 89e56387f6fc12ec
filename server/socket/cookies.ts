/** Cookies by name. The object has no prototype. */
export type Cookies = Readonly<Record<string, string | undefined>>

/**
 * Parse a Cookie header as browsers send it (RFC 6265, section 4.2.1). Of two cookies with the same name, the first one
 * counts, because browsers send the cookie with the longer path first. If a value cannot be percent-decoded, the
 * undecoded value is used.
 */
export function parseCookies(header: string): Cookies {
  const cookies: Record<string, string> = Object.create(null)
  for (const pair of header.split(';')) {
    const mark = pair.indexOf('=')
    if (mark === -1) continue
    const name = pair.slice(0, mark).trim()
    if (!(name in cookies)) cookies[name] = decode(pair.slice(mark + 1).trim())
  }
  return cookies
}

function decode(value: string): string {
  const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  if (!bare.includes('%')) return bare
  try {
    return decodeURIComponent(bare)
  } catch {
    // The value has a malformed escape. Return the undecoded value, without its quotes.
    return bare
  }
}
