import { isObject } from '../runtime/object.ts'

/**
 * Command from the primary to a worker process. `leave`: tell load balancers to send no new clients; `pause`: stop
 * listening; `drain`: close the clients' connections, then exit.
 */
export type Order = { readonly order: 'leave' | 'pause' | 'drain' }

/**
 * Report of a worker process to the primary. `started`: the server listens and `start` has resolved; `retire`: the
 * process has received SIGTERM and needs a successor.
 */
export type Report =
  | { readonly report: 'started' }
  | { readonly report: 'paused' }
  | { readonly report: 'retire' }
  | { readonly report: 'failed'; readonly reason: string }

/** Returns the command that the message contains; null if another library sent the message. */
export function readOrder(message: unknown): Order['order'] | null {
  // The cast is safe: only the primary sends messages with a field `order`.
  return isObject(message) && 'order' in message ? (message as Order).order : null
}

/** Returns the report that the message contains; null if another library sent the message. */
export function readReport(message: unknown): Report | null {
  return isObject(message) && 'report' in message ? (message as Report) : null
}
