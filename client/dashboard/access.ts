/** The server's answer about a token. */
export type Verdict = 'taken' | 'refused' | 'silent'

/** Ask the server whether a token is valid: a browser does not tell a page why its socket was refused. `page` is the dashboard's path. */
export async function checkToken(token: string, page: string): Promise<Verdict> {
  // No token has other characters, nor has a header.
  if (!/^[\x21-\x7e]+$/.test(token)) return 'refused'
  try {
    const { ok, status } = await fetch(`${page}/token`, {
      headers: { authorization: `Bearer ${token}` },
    })
    if (ok) return 'taken'
    // All but a plain no may be over in a moment; where the dashboard was turned off there is no such route.
    return status === 401 || status === 404 ? 'refused' : 'silent'
  } catch {
    return 'silent'
  }
}

/** The message of the form when a token is refused. */
export function refusal(verdict: Exclude<Verdict, 'taken'>): string {
  return verdict === 'refused' ? 'Invalid token.' : 'The server does not answer. Try again in a moment.'
}
