/** Stable codes of a {@link ProtocolError}. `docs/errors.md` explains each code. */
export type ProtocolErrorCode =
  | 'PHX_ERR_FRAME_NOT_JSON'
  | 'PHX_ERR_FRAME_SHAPE'
  | 'PHX_ERR_FRAME_KIND'
  | 'PHX_ERR_FRAME_TRUNCATED'
  | 'PHX_ERR_FIELD_TOO_LONG'
  | 'PHX_ERR_PAYLOAD_TYPE'

/** Malformed frame, or a value that cannot be encoded as a frame. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolErrorCode

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Misuse of the API. The message says what is wrong, what is valid and what was given. `docs/errors.md` explains each
 * code.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code: `PHX_ERR_${string}`

  constructor(code: `PHX_ERR_${string}`, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
