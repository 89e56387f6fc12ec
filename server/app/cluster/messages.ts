/** What the primary tells a worker process to do; `drain` is to send the clients elsewhere, close and end. */
export type Order = { readonly order: 'leave' | 'pause' | 'drain' }

/** What a worker process tells the primary; `retire`: that it was asked to end, and needs a successor. */
export type Report =
  | { readonly report: 'paused' }
  | { readonly report: 'retire' }
  | { readonly report: 'failed'; readonly reason: string }

/** The order that a message is; null if it is another's, for libraries use the same channel. */
export function readOrder(message: unknown): Order['order'] | null {
  // Nobody but the two ends of this file writes such messages.
  return isObject(message) && 'order' in message ? (message as Order).order : null
}

/** The report that a message is; null if it is another's. */
export function readReport(message: unknown): Report | null {
  return isObject(message) && 'report' in message ? (message as Report) : null
}

function isObject(message: unknown): message is object {
  return typeof message === 'object' && message !== null
}
