/** Result of the check of a token: valid (`taken`), invalid (`refused`), or no usable response (`silent`). */
export type Verdict = 'taken' | 'refused' | 'silent'

/**
 * Ask the server over HTTP whether a token is valid, because a browser does not tell a page why a WebSocket connection
 * was refused. `page` is the dashboard's path.
 */
export async function checkToken(token: string, page: string): Promise<Verdict> {
  // Refuse characters that are not allowed in a token or in a header.
  if (!/^[\x21-\x7e]+$/.test(token)) return 'refused'
  try {
    const { ok, status } = await fetch(`${page}/token`, {
      headers: { authorization: `Bearer ${token}` },
    })
    if (ok) return 'taken'
    // Status 404 means that the dashboard is disabled. Errors other than 401 and 404 can be temporary.
    return status === 401 || status === 404 ? 'refused' : 'silent'
  } catch {
    return 'silent'
  }
}

/** Error text that the token form shows for a token that was not accepted. */
export function refusal(verdict: Exclude<Verdict, 'taken'>): string {
  return verdict === 'refused' ? 'Invalid token.' : 'The token could not be checked. Try again in a moment.'
}
