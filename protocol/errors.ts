/** Stable codes of a {@link ProtocolError}; each has its paragraph in `docs/errors.md`. */
export type ProtocolErrorCode =
  | 'PHX_ERR_FRAME_NOT_JSON'
  | 'PHX_ERR_FRAME_SHAPE'
  | 'PHX_ERR_FRAME_KIND'
  | 'PHX_ERR_FRAME_TRUNCATED'
  | 'PHX_ERR_FIELD_TOO_LONG'
  | 'PHX_ERR_PAYLOAD_TYPE'

/** Bytes that are not a frame of the protocol, or a value that cannot be made into one. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolErrorCode

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Misuse by a programmer, thrown at once: the message says what is wrong, what is legal and what was given.
 * Its code is one of `errorCodes`.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code: `PHX_ERR_${string}`

  constructor(code: `PHX_ERR_${string}`, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
