// WebSocket close codes by name (CLOSE-1). Some clients never reconnect after 1000, so the server sends 1000 only in
// response to a 1000 from the client.

/** The client closed the connection with code 1000; the server answers with the same code. */
export const CLOSE_NORMAL = 1000
/** `endpoint.disconnect(id)` was called: the client should reconnect with fresh params. */
export const CLOSE_GOING_AWAY = 1001
/** The client was silent for the idle timeout, or violated the WebSocket protocol. */
export const CLOSE_PROTOCOL_ERROR = 1002
/** The client keeps sending too fast after refusals (LIMIT-3), or a message has too many fragments. */
export const CLOSE_POLICY_VIOLATION = 1008
/** A frame or message is larger than allowed. */
export const CLOSE_MESSAGE_TOO_BIG = 1009
/** The server could not decode a frame of the client, or had an internal error (CLOSE-6). */
export const CLOSE_INTERNAL_ERROR = 1011
/** The server restarts: the client should reconnect immediately. */
export const CLOSE_SERVICE_RESTART = 1012
/** The client reads too slowly: it should reconnect later. */
export const CLOSE_TRY_AGAIN_LATER = 1013
/** The connection's token has expired: the client should reconnect with a fresh token (AUTH-7). */
export const CLOSE_UNAUTHORIZED = 4401
