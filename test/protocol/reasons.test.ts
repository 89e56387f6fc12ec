import { expect, it } from 'vitest'
import * as reasons from '../../protocol/reasons.ts'

it('says the reasons that clients match on word by word (JOIN-5 to JOIN-8, MESSAGE-5 to MESSAGE-7, END-2)', () => {
  expect({ ...reasons }).toEqual({
    UNMATCHED_TOPIC: 'unmatched topic',
    UNMATCHED_EVENT: 'unmatched event',
    INVALID_PAYLOAD: 'invalid payload',
    INVALID_PARAMS: 'invalid params',
    JOIN_CRASHED: 'join crashed',
    TOO_MANY_CHANNELS: 'too many channels joined',
    CHANNEL_CRASH: 'channel_crash',
    RATE_LIMITED: 'rate_limited',
    OVERLOADED: 'overloaded',
    CANCELLED: 'cancelled',
    UNAUTHORIZED: 'unauthorized',
  })
})
