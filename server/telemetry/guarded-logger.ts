import { type Rule, rule } from '../../protocol/check.ts'
import { wordsOf } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'

/** Logger functions that the server calls. Each function may be synchronous or async. */
type LogFunctions = {
  readonly [L in 'error' | 'warn' | 'info']: (details: object, message: string) => unknown
}

/** Create a rule: the value must be a logger with a function for each of `levels`. */
export function logger(...levels: readonly (keyof LogFunctions)[]): Rule {
  const names = levels.map((level) => `\`${level}\``)
  const last = names.pop()
  return rule(
    `an object with the functions ${names.join(', ')} and ${last}`,
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      levels.every((level) => typeof Reflect.get(value, level) === 'function'),
  )
}

/**
 * Wraps a logger of the application. The wrapper never throws. Loggers read every property of an error, and a getter
 * may throw. If the logger throws, the line is written again with descriptions instead of the values.
 */
export class GuardedLogger implements LogFunctions {
  readonly #logger: Partial<LogFunctions> | null
  #hasWarned: boolean

  /** @param logger null to log nothing. */
  constructor(logger: Partial<LogFunctions> | null) {
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

  #write(level: keyof LogFunctions, details: object, message: string): void {
    try {
      this.#call(level, details, message)
    } catch {
      this.#writeWords(level, details, message)
    }
  }

  #writeWords(level: keyof LogFunctions, details: object, message: string): void {
    try {
      const words = Object.entries(details).map(([key, value]) => [key, loggable(value)])
      this.#call(level, Object.fromEntries(words), message)
    } catch (cause) {
      this.#failed(cause)
    }
  }

  #call(level: keyof LogFunctions, details: object, message: string): void {
    const result: unknown = this.#logger?.[level]?.(details, message)
    // An async function rejects instead of throwing.
    if (isPromise(result)) adopt(result).catch((cause: unknown) => this.#failed(cause))
  }

  /** Report a failed logger by a process warning, once. */
  #failed(cause: unknown): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(`logger failed: ${wordsOf(cause)}`, 'PhoenixWarning')
  }
}

/** Convert a value to a number, a string or null. Any logger can write these types. */
function loggable(value: unknown): unknown {
  return typeof value === 'number' || value === null ? value : wordsOf(value)
}
