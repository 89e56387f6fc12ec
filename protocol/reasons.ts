// The exact words that go to clients as `reason`. Clients match on them: they are part of the protocol.

/** No channel takes this topic, or the client has not joined it (JOIN-5, MESSAGE-5). */
export const UNMATCHED_TOPIC = 'unmatched topic'
/** The channel has no handler for the event; the channel lives on (MESSAGE-6). */
export const UNMATCHED_EVENT = 'unmatched event'
/** The payload does not fit the contract; the channel lives on (MESSAGE-7). */
export const INVALID_PAYLOAD = 'invalid payload'
/** The join params do not fit the contract (JOIN-6). */
export const INVALID_PARAMS = 'invalid params'
/** The `join` callback threw (JOIN-7). */
export const JOIN_CRASHED = 'join crashed'
/** The connection has as many channels as it may have (JOIN-8). */
export const TOO_MANY_CHANNELS = 'too many channels joined'
/** The connection sends faster than it may; `retry_after_ms` says when it may again (LIMIT-1, LIMIT-2). */
export const RATE_LIMITED = 'rate_limited'
/** The server has too much to do: ask again later (LIMIT-4, LIMIT-5). */
export const OVERLOADED = 'overloaded'
/** The client has left the topic, or joined it again, before its join began (LIMIT-4). */
export const CANCELLED = 'cancelled'
/** A callback of the channel threw; sent with `phx_error` (END-2). */
export const CHANNEL_CRASH = 'channel_crash'
/** The client may not be on this topic, or its token is not taken (AUTH-5, AUTH-6). */
export const UNAUTHORIZED = 'unauthorized'
