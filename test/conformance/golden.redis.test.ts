import { describe, onTestFinished } from 'vitest'
import { startRedis } from '../helpers/redis.ts'
import { roundRobin } from '../helpers/round-robin.ts'
import { goldenSuite, openReference } from './golden.suite.ts'

/** A node that learns of a topic's members tells them to the first who joins there, who is told again with the state. */
const TOLD_TWICE = ['presence-two', 'presence-two-metas']

describe('recorded frames, from a node with Redis', () =>
  goldenSuite(async () => openReference({ redisUrl: (await startRedis()).url })))

describe('recorded frames, from two nodes in turn', () =>
  goldenSuite(async () => {
    const { url: redisUrl } = await startRedis()
    const open = () => openReference({ redisUrl })
    const proxy = await roundRobin(await Promise.all([open(), open()]))
    onTestFinished(() => proxy.close())
    return proxy.base
  }, TOLD_TWICE))
