import { type Rule, rule } from '../../protocol/check.ts'
import { wordsOf } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'

/** The levels that the server itself writes at; Fastify's logger fits, and so does one of async functions. */
type Lines = { readonly [L in 'error' | 'warn' | 'info']: (details: object, message: string) => unknown }

/** A logger with a function for each of these levels. */
export function logger(...levels: readonly (keyof Lines)[]): Rule {
  return rule(
    `a logger with ${levels.join(', ')}`,
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      levels.every((level) => typeof Reflect.get(value, level) === 'function'),
  )
}

/**
 * A logger of the application that never throws. Loggers read every property of an error, which may throw:
 * then the line is written with words instead of values.
 */
export class GuardedLogger implements Lines {
  readonly #logger: Partial<Lines> | null
  #hasWarned: boolean

  /** @param logger null to write nothing. */
  constructor(logger: Partial<Lines> | null) {
    this.#logger = logger
    this.#hasWarned = false
  }

  error(details: object, message: string): void {
    this.#write('error', details, message)
  }

  warn(details: object, message: string): void {
    this.#write('warn', details, message)
  }

  info(details: object, message: string): void {
    this.#write('info', details, message)
  }

  #write(level: keyof Lines, details: object, message: string): void {
    try {
      this.#call(level, details, message)
    } catch {
      this.#writeWords(level, details, message)
    }
  }

  #writeWords(level: keyof Lines, details: object, message: string): void {
    try {
      const words = Object.entries(details).map(([key, value]) => [key, shown(value)])
      this.#call(level, Object.fromEntries(words), message)
    } catch (cause) {
      this.#failed(cause)
    }
  }

  #call(level: keyof Lines, details: object, message: string): void {
    const result: unknown = this.#logger?.[level]?.(details, message)
    // An async function rejects instead of throwing.
    if (isPromise(result)) adopt(result).catch((cause: unknown) => this.#failed(cause))
  }

  /** The logger itself is broken, and can write nothing of that. */
  #failed(cause: unknown): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(`the logger failed: ${wordsOf(cause)}`, 'PhoenixWarning')
  }
}

/** Numbers and texts can be written by any logger. */
function shown(value: unknown): unknown {
  return typeof value === 'number' || value === null ? value : wordsOf(value)
}
