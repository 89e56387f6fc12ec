import { createRequire } from 'node:module'
import { UsageError } from '../errors.ts'

/** First version of `ws` that limits unsent pongs, fragments and buffered chunks. */
const NEEDED = '8.23.0'
/**
 * Options of `ws` that limit unsent pongs, fragments and buffered chunks. If the installed version of `ws` has no
 * default for one of these options, the installed version is too old.
 */
const BOUNDS = ['maxPendingAutoPongs', 'maxFragments', 'maxBufferedChunks']

/**
 * Check that `@fastify/websocket` uses a version of `ws` that limits floods of pings and fragments.
 * `@fastify/websocket` also accepts older versions of `ws`, from 8.16 on.
 * @param options options of the WebSocket server, with the defaults of `ws`.
 * @throws UsageError with `PHX_ERR_WS_VERSION` for an older version.
 */
export function checkWsVersion(options: object, version = wsVersion()): void {
  if (BOUNDS.every((bound) => bound in options)) return
  throw new UsageError(
    'PHX_ERR_WS_VERSION',
    `@fastify/websocket must use ws ${NEEDED} or later (got ${version}): older versions do not limit floods of ` +
      `pings and fragments. Run npm i ws@^${NEEDED}`,
  )
}

/** Version of the `ws` that `@fastify/websocket` resolves to. */
function wsVersion(): string {
  try {
    const { resolve } = createRequire(import.meta.url)
    const { version } = createRequire(resolve('@fastify/websocket'))('ws/package.json')
    return String(version)
  } catch {
    // In a bundle, there is no package.json to read.
    return 'an unknown version'
  }
}
