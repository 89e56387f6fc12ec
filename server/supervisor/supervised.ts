import type { CallbackError } from '../errors.ts'

/**
 * Exit reason of a worker whose handler returned `{ stop: { shutdown: reason } }`, like OTP's `{:shutdown, reason}`.
 * This exit is not a crash.
 */
export type AnnouncedExit = { readonly shutdown: unknown }

/** Reason why a child ended. After an error or `'killed'`, a transient child is restarted. */
export type Exit = 'normal' | 'shutdown' | 'killed' | AnnouncedExit | CallbackError

/** One running instance of a child: a worker, or a supervisor with children of its own. */
export interface Supervised {
  /**
   * Start. Called once. Resolves with null when the instance is ready. If the instance ends before it is ready,
   * resolves with the reason of the end. Never rejects.
   */
  start(): Promise<Exit | null>
  /** Resolves with the reason when the instance has ended. Never rejects. */
  readonly exited: Promise<Exit>
  /** Ask the instance to end. `exited` resolves when the instance has ended. */
  stop(): void
  /** End now, without cleanup. Does nothing if the instance has already ended. */
  kill(): void
}
