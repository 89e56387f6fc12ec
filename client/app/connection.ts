/** State of the connection. `retryAt` is in milliseconds since 1970. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'connected' }
  | { readonly state: 'lost'; readonly retryAt: number }
  /** The connection is open, but its token expires soon. When the token has expired, the connection closes. */
  | { readonly state: 'expiring'; readonly leftMs: number }
  /** The browser has no network. */
  | { readonly state: 'offline' }
  /** The server requires a token, and the page has no token or an invalid token. */
  | { readonly state: 'signed-out'; readonly hadToken: boolean }

/** Milliseconds to wait before an attempt to reconnect. The first attempt has the number 1. */
export function reconnectDelay(attempt: number): number {
  return [250, 1_000, 2_000, 5_000][attempt - 1] ?? 10_000
}

/** Text for the connection's state, without the countdown to the next attempt. */
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

/** Time until the next attempt, such as `in 5 s`. Empty if no attempt is planned. */
export function countdown(connection: Connection, now: number): string {
  if (connection.state !== 'lost') return ''
  const seconds = Math.ceil((connection.retryAt - now) / 1000)
  return seconds > 0 ? `in ${seconds} s` : 'now…'
}

/** Text for a duration, in whole minutes. */
function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes === 0) return 'less than a minute'
  return minutes === 1 ? '1 minute' : `${minutes} minutes`
}
