// WebSocket close codes by name (CLOSE-1). Some clients never reconnect after 1000, so the server
// answers with it when the client closed first and never sends it of its own accord.

/** The client closed first; the echo of its code. */
export const CLOSE_NORMAL = 1000
/** `endpoint.disconnect(id)`: this connection shall come back with fresh params. */
export const CLOSE_GOING_AWAY = 1001
/** Nothing came from the client for the idle timeout, or it broke the WebSocket protocol. */
export const CLOSE_PROTOCOL_ERROR = 1002
/** The client sends too fast, and does not stop when it is told. */
export const CLOSE_POLICY_VIOLATION = 1008
/** A frame or message is larger than allowed. */
export const CLOSE_MESSAGE_TOO_BIG = 1009
/** The frame could not be decoded. */
export const CLOSE_INTERNAL_ERROR = 1011
/** The server restarts: come back at once. */
export const CLOSE_SERVICE_RESTART = 1012
/** The client reads too slowly: come back later. */
export const CLOSE_TRY_AGAIN_LATER = 1013
/** The connection's token has expired: come back with a fresh one (AUTH-7). */
export const CLOSE_UNAUTHORIZED = 4401
