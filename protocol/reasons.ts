// Strings that are sent to clients as `reason`. Clients compare `reason` with these strings, so the strings are part of
// the protocol.

/** No channel definition matches the topic (JOIN-5), or the client has not joined the topic (MESSAGE-5). */
export const UNMATCHED_TOPIC = 'unmatched topic'
/** The channel has no handler for the event; the channel stays open (MESSAGE-6). */
export const UNMATCHED_EVENT = 'unmatched event'
/** The payload does not match the contract; the channel stays open (MESSAGE-7). */
export const INVALID_PAYLOAD = 'invalid payload'
/** The join params do not match the contract (JOIN-6). */
export const INVALID_PARAMS = 'invalid params'
/** The `join` callback threw (JOIN-7). */
export const JOIN_CRASHED = 'join crashed'
/** The connection has reached its maximum number of channels (JOIN-8). */
export const TOO_MANY_CHANNELS = 'too many channels joined'
/**
 * The connection exceeds a rate limit (LIMIT-1, LIMIT-2). `retry_after_ms` in the reply is the number of milliseconds
 * that the client should wait before it retries.
 */
export const RATE_LIMITED = 'rate_limited'
/** The server is overloaded; the client should retry later (LIMIT-4, LIMIT-5). */
export const OVERLOADED = 'overloaded'
/** The client left the topic, or joined it again, before the server started this join (LIMIT-4). */
export const CANCELLED = 'cancelled'
/** A callback of the channel threw. The reason is sent with `phx_error` (END-2). */
export const CHANNEL_CRASH = 'channel_crash'
/** The client is not allowed on this topic, or its token is not accepted (AUTH-5, AUTH-6). */
export const UNAUTHORIZED = 'unauthorized'
