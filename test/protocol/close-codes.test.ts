import { expect, it } from 'vitest'
import * as codes from '../../protocol/close-codes.ts'

it('gives each cause its WebSocket close code (CLOSE-1)', () => {
  expect({ ...codes }).toEqual({
    CLOSE_NORMAL: 1000,
    CLOSE_GOING_AWAY: 1001,
    CLOSE_PROTOCOL_ERROR: 1002,
    CLOSE_MESSAGE_TOO_BIG: 1009,
    CLOSE_INTERNAL_ERROR: 1011,
    CLOSE_SERVICE_RESTART: 1012,
    CLOSE_TRY_AGAIN_LATER: 1013,
    CLOSE_POLICY_VIOLATION: 1008,
    CLOSE_UNAUTHORIZED: 4401,
  })
})
