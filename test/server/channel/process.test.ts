import { expect, test } from 'vitest'
import { Process } from '../../../server/channel/process.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'

type Job = { readonly name: string; readonly run: () => unknown }

/** Writes down what happens to its jobs. */
class Worker extends Process<Job> {
  readonly log: string[] = []
  readonly waits: string[] = []

  override accept(job: Job): void {
    super.accept(job)
  }
  override hold(): void {
    super.hold()
  }
  override drain(): void {
    super.drain()
  }
  override discard(): void {
    super.discard()
  }
  override get isBusy(): boolean {
    return super.isBusy
  }

  protected override call({ name, run }: Job): unknown {
    this.log.push(`call ${name}`)
    return run()
  }
  protected override returned({ name }: Job, result: unknown): void {
    if (result === 'throw') throw new Error('returned')
    this.log.push(`returned ${name} ${result}`)
  }
  protected override failed({ name }: Job, error: unknown): void {
    this.log.push(`failed ${name} ${(error as Error).message}`)
  }
  protected override queued({ name }: Job): void {
    this.log.push(`queued ${name}`)
  }
  protected override dequeued({ name }: Job): void {
    this.log.push(`dequeued ${name}`)
  }
  protected override suspended({ name }: Job): void {
    this.waits.push(`suspended ${name}`)
  }
  protected override resumed(): void {
    this.waits.push('resumed')
  }
}

const sync = (name: string, result: unknown = 1): Job => ({ name, run: () => result })

test('runs a callback at once and reports its result', () => {
  const worker = new Worker()
  worker.accept(sync('a'))
  expect(worker.log).toEqual(['call a', 'returned a 1'])
})

test('is not busy after a callback that returned no promise', () => {
  const worker = new Worker()
  let wasBusy = false
  worker.accept({ name: 'a', run: () => (wasBusy = worker.isBusy) })
  expect([wasBusy, worker.isBusy]).toEqual([true, false])
})

test('queues items while a callback is pending, then runs them in order (ORDER-1)', async () => {
  const worker = new Worker()
  const slow = new Deferred<number>()
  worker.accept({ name: 'slow', run: () => slow.promise })
  worker.accept(sync('b'))
  worker.accept(sync('c'))
  expect(worker.log).toEqual(['call slow', 'queued b', 'queued c'])
  expect(worker.isBusy).toBe(true)
  slow.resolve(7)
  await turn()
  expect(worker.log.slice(3)).toEqual([
    'returned slow 7',
    'dequeued b',
    'call b',
    'returned b 1',
    'dequeued c',
    'call c',
    'returned c 1',
  ])
})

test('keeps the order if a queued callback is pending in its turn', async () => {
  const worker = new Worker()
  const order: string[] = []
  const slow = (name: string): Job => ({
    name,
    run: async () => {
      order.push(`begin ${name}`)
      await turn()
      order.push(`end ${name}`)
    },
  })
  for (const name of ['a', 'b', 'c']) worker.accept(slow(name))
  await turn().then(turn).then(turn).then(turn)
  expect(order).toEqual(['begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c'])
})

test('an item that a callback adds runs after the callback', () => {
  const worker = new Worker()
  worker.accept({ name: 'outer', run: () => worker.accept(sync('inner')) })
  expect(worker.log).toEqual([
    'call outer',
    'queued inner',
    'returned outer undefined',
    'dequeued inner',
    'call inner',
    'returned inner 1',
  ])
})

test('a throw is reported as a failure, and queued items still run', () => {
  const worker = new Worker()
  const run = () => {
    worker.accept(sync('next'))
    throw new Error('boom')
  }
  worker.accept({ name: 'a', run })
  expect(worker.log.filter((line) => !line.includes('queued'))).toEqual([
    'call a',
    'failed a boom',
    'call next',
    'returned next 1',
  ])
})

test('a rejection is reported as a failure, and queued items still run', async () => {
  const worker = new Worker()
  worker.accept({ name: 'a', run: () => Promise.reject(new Error('boom')) })
  worker.accept(sync('next'))
  await turn()
  expect(worker.log.filter((line) => !line.includes('queued'))).toEqual([
    'call a',
    'failed a boom',
    'call next',
    'returned next 1',
  ])
})

test('an error while a result is processed counts as a failure of its callback', async () => {
  const worker = new Worker()
  worker.accept(sync('a', 'throw'))
  worker.accept(sync('b', Promise.resolve('throw')))
  await turn()
  expect(worker.log).toEqual(['call a', 'failed a returned', 'call b', 'failed b returned'])
})

test('holds items until it is released', () => {
  const worker = new Worker()
  worker.hold()
  worker.accept(sync('a'))
  expect(worker.log).toEqual(['queued a'])
  worker.drain()
  expect(worker.log.slice(1)).toEqual(['dequeued a', 'call a', 'returned a 1'])
})

test('drops queued items, and subtracts them from the count', async () => {
  const worker = new Worker()
  const slow = new Deferred()
  worker.accept({ name: 'slow', run: () => slow.promise })
  worker.accept(sync('a'))
  worker.accept(sync('b'))
  worker.discard()
  slow.resolve()
  await turn()
  expect(worker.log.slice(3)).toEqual(['dequeued a', 'dequeued b', 'returned slow undefined'])
})

test('a process that always has more to do lets other work run in between', async () => {
  const worker = new Worker()
  let ran = 0
  const again: Job = { name: 'again', run: () => ++ran < 1000 && worker.accept(again) }
  worker.accept(again)
  expect(ran).toBeLessThan(1000)
  while (ran < 1000) await turn()
  expect(ran).toBe(1000)
})

test('items that arrive while other work runs wait behind the queued ones', async () => {
  const worker = new Worker()
  const order: number[] = []
  const numbered = (n: number): Job => ({ name: String(n), run: () => order.push(n) })
  worker.hold()
  for (let n = 0; n < 600; n++) worker.accept(numbered(n))
  worker.drain()
  worker.accept(numbered(600))
  await turn().then(turn).then(turn)
  expect(order).toEqual(Array.from({ length: 601 }, (_, n) => n))
})

test('reports when a promise is pending and when it settles, but no synchronous callbacks', async () => {
  const worker = new Worker()
  worker.accept(sync('a'))
  worker.accept(sync('b', Promise.resolve(1)))
  worker.accept(sync('c', Promise.reject(new Error('boom'))))
  await turn()
  expect(worker.waits).toEqual(['suspended b', 'resumed', 'suspended c', 'resumed'])
})
