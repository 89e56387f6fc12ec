/** The state of the connection; `retryAt` is in ms since the epoch. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'connected' }
  | { readonly state: 'lost'; readonly retryAt: number }
  /** The token expires soon: the connection, which is still open, ends with it. */
  | { readonly state: 'expiring'; readonly leftMs: number }
  /** The browser has no network. */
  | { readonly state: 'offline' }
  /** The server wants a token, and there is none, or one that is not good any more. */
  | { readonly state: 'signed-out'; readonly hadToken: boolean }

/** Ms to wait before the n-th attempt to reconnect (1 is the first). */
export function reconnectDelay(attempt: number): number {
  return [250, 1_000, 2_000, 5_000][attempt - 1] ?? 10_000
}

/** The connection state that the page shows. It does not change between two attempts. */
export function connectionText(connection: Connection): string {
  switch (connection.state) {
    case 'connecting':
      return 'Connecting…'
    case 'connected':
      return 'Connected'
    case 'expiring':
      return `Your session ends in ${duration(connection.leftMs)}`
    case 'lost':
      return 'Connection lost, retrying'
    case 'offline':
      return 'You are offline'
    case 'signed-out':
      return connection.hadToken ? 'Your session has ended' : 'You are not signed in'
  }
}

/** When the next attempt is, e.g. `in 5 s`; empty if none is due. */
export function countdown(connection: Connection, now: number): string {
  if (connection.state !== 'lost') return ''
  const seconds = Math.ceil((connection.retryAt - now) / 1000)
  return seconds > 0 ? `in ${seconds} s` : 'now…'
}

/** A duration of up to a few minutes, in words that stay about right until it is over. */
function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes === 0) return 'less than a minute'
  return minutes === 1 ? '1 minute' : `${minutes} minutes`
}
