import type { CallbackError } from '../errors.ts'

/** Announced end with a reason of the application, like OTP's `{:shutdown, reason}`. */
export type AnnouncedExit = { readonly shutdown: unknown }

/** Reason why a child ended. An error or `'killed'` is abnormal, so that a transient child is restarted. */
export type Exit = 'normal' | 'shutdown' | 'killed' | AnnouncedExit | CallbackError

/** One running instance of a child: a worker, or a supervisor with children of its own. */
export interface Supervised {
  /** Start; called once. Resolves with null when ready, or with the reason of an earlier end. Never rejects. */
  start(): Promise<Exit | null>
  /** Resolves with the reason at the end; never rejects. */
  readonly exited: Promise<Exit>
  /** Request the end; `exited` resolves when it is reached. */
  stop(): void
  /** End now, without cleanup. Does nothing after the end. */
  kill(): void
}
