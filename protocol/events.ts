/** Topic of heartbeats, which the socket itself answers (NAME-1). */
export const PHOENIX_TOPIC = 'phoenix'
/** Client to server on the topic `phoenix`: checks that the connection is alive (NAME-1). */
export const HEARTBEAT = 'heartbeat'
/** Client to server: join a topic (JOIN-1). */
export const PHX_JOIN = 'phx_join'
/** Client to server: leave a topic (LEAVE-1). */
export const PHX_LEAVE = 'phx_leave'
/** Server to client: reply to a message that has a ref (FRAME-3). */
export const PHX_REPLY = 'phx_reply'
/** Server to client: the channel has ended on purpose; clients do not rejoin (END-1). */
export const PHX_CLOSE = 'phx_close'
/** Server to client: the channel has crashed; clients rejoin with a backoff (END-2). */
export const PHX_ERROR = 'phx_error'
/** Server to server: a broadcast that closes every connection whose socket id equals the broadcast's topic (ID-2). */
export const DISCONNECT = 'disconnect'
/** Server to client: all presences of a topic (PRESENCE-1). */
export const PRESENCE_STATE = 'presence_state'
/** Server to client: presences that joined or left a topic (PRESENCE-2). */
export const PRESENCE_DIFF = 'presence_diff'
/** Server to client: number of presence keys on a topic that has too many keys to list (PRESENCE-7). */
export const PRESENCE_COUNT = 'presence_count'
/**
 * Server to client: the client's new position in the topic's history, as a sequence number. Sent when the server has
 * skipped broadcasts of the history, such as the client's own (RECOVERY-9). `_seq` is also the payload key for the
 * sequence number of a broadcast (RECOVERY-5).
 */
export const SEQ = '_seq'
