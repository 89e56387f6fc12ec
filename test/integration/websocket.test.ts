import { describe } from 'vitest'
import { connectWebSocket } from '../helpers/test-client.ts'
import { channelsSuite, one } from './channels.suite.ts'

describe('channels over WebSocket', () => channelsSuite(connectWebSocket, () => one({})))
