import { oneOf } from '../../protocol/check.ts'

/** How loud a line of the log is; what goes wrong is always an error. */
export type LogLevel = 'debug' | 'info' | 'warn'

/** From quiet to loud, as pino has them. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** Whether a logger writes lines of this level; one that does not say so, as Fastify's of `logger: false`, writes none. */
export function isLevelEnabled(logger: object, level: LogLevel): boolean {
  if ('isLevelEnabled' in logger && typeof logger.isLevelEnabled === 'function') {
    return logger.isLevelEnabled(level) === true
  }
  return 'level' in logger && LEVELS.indexOf(String(logger.level)) <= LEVELS.indexOf(level)
}

/** A `log` option. */
export const logLevel = oneOf('debug', 'info', 'warn', false)
