import type { CallbackError } from '../errors.ts'

/** An announced end with a word of its own, as OTP's `{:shutdown, reason}`. */
export type AnnouncedExit = { readonly shutdown: unknown }

/** Why something supervised ended. An error or `'killed'` is abnormal: a transient child is restarted. */
export type Exit = 'normal' | 'shutdown' | 'killed' | AnnouncedExit | CallbackError

/** One running instance of a child: a worker, or a supervisor with children of its own. */
export interface Supervised {
  /** Called once. Null when it is ready, else why it ended before. Never rejects. */
  start(): Promise<Exit | null>
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<Exit>
  /** Ask it to end; `exited` resolves when it has. */
  stop(): void
  /** End it now, without its cleaning up. Does nothing once it has ended. */
  kill(): void
}
