/** The topic that the transport itself answers; it carries heartbeats (NAME-1). */
export const PHOENIX_TOPIC = 'phoenix'
/** Client to server on the topic `phoenix`: still there? (NAME-1) */
export const HEARTBEAT = 'heartbeat'
/** Client to server: join a topic (JOIN-1). */
export const PHX_JOIN = 'phx_join'
/** Client to server: leave a topic (LEAVE-1). */
export const PHX_LEAVE = 'phx_leave'
/** Server to client: the answer to a message with a ref (FRAME-3). */
export const PHX_REPLY = 'phx_reply'
/** Server to client: the channel has ended on purpose; clients do not rejoin (END-1). */
export const PHX_CLOSE = 'phx_close'
/** Server to client: the channel has crashed; clients rejoin with a back-off (END-2). */
export const PHX_ERROR = 'phx_error'
/** On the topic of a socket's id: close every connection of that id (ID-2). */
export const DISCONNECT = 'disconnect'
/** Server to client: who is present on a topic (PRESENCE-1). */
export const PRESENCE_STATE = 'presence_state'
/** Server to client: who came and who went (PRESENCE-2). */
export const PRESENCE_DIFF = 'presence_diff'
/** Server to client: how many keys are present on a topic, where they are too many to list (PRESENCE-7). */
export const PRESENCE_COUNT = 'presence_count'
/** Server to client: how far a client has come that heard nothing (RECOVERY-9); also the key of a place (RECOVERY-5). */
export const SEQ = '_seq'
