import { expect, it } from 'vitest'
import * as events from '../../protocol/events.ts'

it('spells the reserved names as every client does (NAME-1)', () => {
  expect({ ...events }).toEqual({
    PHOENIX_TOPIC: 'phoenix',
    HEARTBEAT: 'heartbeat',
    PHX_JOIN: 'phx_join',
    PHX_LEAVE: 'phx_leave',
    PHX_REPLY: 'phx_reply',
    PHX_CLOSE: 'phx_close',
    PHX_ERROR: 'phx_error',
    DISCONNECT: 'disconnect',
    PRESENCE_STATE: 'presence_state',
    PRESENCE_DIFF: 'presence_diff',
    PRESENCE_COUNT: 'presence_count',
  })
})
