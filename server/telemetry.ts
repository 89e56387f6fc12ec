import { channel } from 'node:diagnostics_channel'

/**
 * What the framework tells whoever listens, in the style of Phoenix's telemetry names (TELEMETRY-1).
 * Nothing is computed for a channel that has no subscriber.
 */
export const telemetry = Object.freeze({
  /** `{ error }`: a callback of the application threw. */
  callbackFailed: channel('phoenix.callback_failed'),
  /** `{ socket, error }`: a frame could not be decoded, the connection is closed. */
  frameRefused: channel('phoenix.frame_refused'),
  /** `{ session, frame }`: bytes for a long-poll client, which cannot take them, were not sent. */
  frameDropped: channel('phoenix.frame_dropped'),
})
