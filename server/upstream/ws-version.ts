import { createRequire } from 'node:module'
import { UsageError } from '../errors.ts'

/** The first version of `ws` that bounds unsent pongs, fragments and buffered chunks. */
const NEEDED = '8.23.0'
/** The bounds, which `ws` fills in by default; a version that does not know one ignores floods of its kind. */
const BOUNDS = ['maxPendingAutoPongs', 'maxFragments', 'maxBufferedChunks']

/**
 * Make sure that the `ws` of `@fastify/websocket` withstands floods of pings and fragments: the server is asked
 * for what it knows, since `^8.16` takes versions that do not.
 * @param options The options of the WebSocket server, as `ws` has filled them in.
 * @throws UsageError if it is older.
 */
export function checkWsVersion(options: object, version = wsVersion()): void {
  if (BOUNDS.every((bound) => bound in options)) return
  throw new UsageError(
    'PHX_ERR_WS_VERSION',
    `@fastify/websocket uses ws ${version}, which does not bound floods of pings and fragments: ` +
      `ws must be ${NEEDED} or later (npm i ws@^${NEEDED})`,
  )
}

/** The version of the `ws` that `@fastify/websocket` resolves to. */
function wsVersion(): string {
  try {
    const { resolve } = createRequire(import.meta.url)
    const { version } = createRequire(resolve('@fastify/websocket'))('ws/package.json')
    return String(version)
  } catch {
    // A bundle has no packages to ask.
    return 'of an unknown version'
  }
}
