import { oneOf } from '../../protocol/check.ts'

/** Level of a log line. Failures are always logged as errors. */
export type LogLevel = 'debug' | 'info' | 'warn'

/** Levels of pino, in ascending order. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/**
 * Returns true if a logger writes lines of this level. A logger without a level counts as off, like Fastify's logger
 * with `logger: false`.
 */
export function isLevelEnabled(logger: object, level: LogLevel): boolean {
  if ('isLevelEnabled' in logger && typeof logger.isLevelEnabled === 'function') {
    return logger.isLevelEnabled(level) === true
  }
  return 'level' in logger && LEVELS.indexOf(String(logger.level)) <= LEVELS.indexOf(level)
}

/** Rule that checks a `log` option. */
export const logLevel = oneOf('debug', 'info', 'warn', false)
