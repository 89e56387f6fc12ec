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
/** A callback of the channel threw; sent with `phx_error` (END-2). */
export const CHANNEL_CRASH = 'channel_crash'
