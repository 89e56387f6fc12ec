import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  BurstQueue,
  type BurstQueueOptions,
  type QueueEntry,
  steadySlice,
  yieldingSlice,
} from '../../../server/limits/burst-queue.ts'

/** An event loop of the test: no time passes but in joins, and where a turn is said to last. */
class Loop {
  now = 1_000

  constructor() {
    vi.useFakeTimers({ toFake: ['setImmediate'] })
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => this.now)
    onTestFinished(() => {
      clock.mockRestore()
      vi.useRealTimers()
    })
  }

  /** One turn, of so many milliseconds. */
  turn(ms = 0): void {
    this.now += ms
    vi.advanceTimersToNextTimer()
  }
}

function setUp(options: Partial<BurstQueueOptions> = {}) {
  const loop = new Loop()
  const queue = new BurstQueue({
    maxWaiting: 1_000,
    maxWait: 8_000,
    nextSlice: yieldingSlice,
    ...options,
  })
  const told: string[] = []
  /** A join that takes so long. */
  const enter = (name: string, ms = 2): QueueEntry => {
    const join: QueueEntry = {
      hold: () => void told.push(`${name} waits`),
      start() {
        told.push(name)
        loop.now += ms
      },
      refuse: () => void told.push(`${name} refused`),
    }
    queue.enter(join)
    return join
  }
  const take = () => told.splice(0)
  /** Start enough joins in one turn that further ones have to wait. */
  const crowd = () => {
    for (let n = 0; n < 8; n += 1) enter('crowd')
    expect(take()).not.toContain('crowd waits')
  }
  /** These join, and wait. */
  const wait = (...names: string[]) => {
    const joins = names.map((name) => enter(name))
    expect(take()).toEqual(names.map((name) => `${name} waits`))
    return joins
  }
  return { loop, queue, enter, take, crowd, wait }
}

describe('while the loop is idle', () => {
  test('a join starts at once, in the same call', () => {
    const { enter, take, queue } = setUp()
    enter('a')
    expect([take(), queue.waiting, vi.getTimerCount()]).toEqual([['a'], 0, 0])
  })

  test('consecutive joins start at once as long as they take less than half of the time', () => {
    const { loop, enter, take } = setUp()
    for (let n = 0; n < 1_000; n += 1) {
      enter('a')
      loop.now += 2
    }
    expect(new Set(take())).toEqual(new Set(['a']))
  })

  test('a few very slow joins start at once', () => {
    const { enter, take } = setUp()
    for (let n = 0; n < 8; n += 1) enter('a', 50)
    expect(take()).toEqual(Array(8).fill('a'))
  })
})

describe('a burst', () => {
  test('waits after 10 ms of joins, and continues in order in the next turn (LIMIT-4)', () => {
    const { loop, take, crowd, wait } = setUp()
    crowd()
    wait('a', 'b', 'c')
    loop.turn()
    expect(take()).toEqual(['a', 'b', 'c'])
  })

  test('gets 10 ms of each turn', () => {
    const { loop, take, crowd, wait, queue } = setUp()
    crowd()
    wait(...'abcdefghijkl')
    loop.turn()
    expect([take().join(''), queue.waiting]).toEqual(['abcde', 7])
    loop.turn()
    expect(take().join('')).toBe('fghij')
    loop.turn()
    expect([take().join(''), queue.waiting, vi.getTimerCount()]).toEqual(['kl', 0, 0])
  })

  test('that has passed no longer delays joins', () => {
    const { loop, enter, take, crowd, wait } = setUp()
    crowd()
    wait('a')
    loop.turn()
    loop.now += 40
    take()
    enter('b')
    expect(take()).toEqual(['b'])
  })

  test('gets a smaller slice while turns are late, and 10 ms again when they are not', () => {
    const { loop, take, crowd, wait } = setUp()
    const started = (ms: number): number => {
      loop.turn(ms)
      return take().length
    }
    crowd()
    wait(...Array.from({ length: 100 }, String))
    expect([50, 50, 50, 50, 50].map(started)).toEqual([3, 2, 1, 1, 1])
    expect(Array(11).fill(0).map(started)).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5])
  })

  test('keeps a part of the time when something else makes turns late', () => {
    const { loop, take, crowd, wait } = setUp()
    crowd()
    wait(...Array.from({ length: 100 }, String))
    for (let n = 0; n < 10; n += 1) loop.turn(640)
    expect(take().length).toBeGreaterThan(10 * 4)
  })

  test('with steadySlice gets a fifth of the time while turns are late', () => {
    const { loop, take, crowd, wait } = setUp({ nextSlice: steadySlice })
    const started = (ms: number): number => {
      loop.turn(ms)
      return take().length
    }
    crowd()
    wait(...Array.from({ length: 200 }, String))
    expect([40, 200, 200, 200, 200, 40, 1].map(started)).toEqual([5, 10, 20, 25, 25, 5, 5])
  })

  test('starts at least one entry per turn', () => {
    const { loop, enter, take, crowd } = setUp()
    crowd()
    for (let n = 0; n < 5; n += 1) enter('slow', 500)
    take()
    loop.turn(500)
    expect(take()).toEqual(['slow'])
  })
})

describe('a waiting entry', () => {
  test('is refused after maxWait, and not before (LIMIT-4)', () => {
    const { loop, take, crowd, wait } = setUp()
    crowd()
    wait('a')
    loop.turn(7_999)
    expect(take()).toEqual(['a'])
    loop.now += 100
    crowd()
    wait('b')
    loop.turn(8_000)
    expect(take()).toEqual(['b refused'])
  })

  test('is refused early if it would exceed maxWait in the next turn', () => {
    const { loop, take, crowd, wait } = setUp()
    crowd()
    wait(...Array.from({ length: 500 }, (_, n) => `a${n}`))
    const start = loop.now
    let refusedAt = 0
    while (vi.getTimerCount() > 0) {
      loop.turn(900)
      if (refusedAt === 0 && take().some((word) => word.endsWith('refused'))) refusedAt = loop.now - start
    }
    expect(refusedAt).toBeGreaterThan(7_000)
    expect(refusedAt).toBeLessThan(8_000)
  })

  test('is refused after the loop was blocked for longer than maxWait; later entries are not', () => {
    const { loop, take, crowd, wait, enter } = setUp()
    crowd()
    wait('a')
    loop.now += 8_500
    enter('b')
    loop.turn()
    expect(take()).toEqual(['b waits', 'a refused', 'b'])
  })

  test('is not started after remove', () => {
    const { loop, queue, take, crowd, wait } = setUp()
    crowd()
    const [a, b] = wait('a', 'b')
    expect(queue.remove(a as QueueEntry)).toBe(true)
    expect(queue.remove(a as QueueEntry)).toBe(false)
    loop.turn()
    expect(take()).toEqual(['b'])
    expect(queue.remove(b as QueueEntry)).toBe(false)
  })

  test('starts before later entries when others were removed', () => {
    const { loop, queue, take, crowd, wait } = setUp()
    crowd()
    const [a] = wait('a')
    queue.remove(a as QueueEntry)
    wait('b')
    expect(vi.getTimerCount()).toBe(1)
    loop.turn()
    expect([take(), vi.getTimerCount()]).toEqual([['b'], 0])
  })

  test('may enter again from its own start', () => {
    const { loop, queue, take, crowd, enter } = setUp()
    crowd()
    queue.enter({ hold() {}, start: () => void enter('again'), refuse() {} })
    loop.turn()
    loop.turn()
    expect(take().at(-1)).toBe('again')
    expect([queue.waiting, vi.getTimerCount()]).toEqual([0, 0])
  })
})

test('isFull is true at maxWaiting', () => {
  const { queue, crowd, wait, loop } = setUp({ maxWaiting: 2 })
  crowd()
  wait('a')
  expect(queue.isFull).toBe(false)
  wait('b')
  expect(queue.isFull).toBe(true)
  loop.turn()
  expect(queue.isFull).toBe(false)
})
