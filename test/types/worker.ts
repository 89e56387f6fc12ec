import { defineWorker, Registry, Supervisor } from '../../server/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_ extends true>(): void {}

const counter = defineWorker({
  name: 'counter',
  init(context: { from: number }, worker) {
    worker.sendAfter(10, 'tick')
    // @ts-expect-error a message has a name
    worker.send()
    return { count: context.from }
  },
  handleInfo: {
    tick(_value, state, worker) {
      same<Equal<typeof state, { count: number }>>()
      worker.send('add', 2)
      // @ts-expect-error the state has no such field
      state.total = 1
    },
    add(by: number, state) {
      state.count += by
      return state.count > 10 ? { stop: 'normal' } : undefined
    },
    async later(_value, state) {
      state.count = await Promise.resolve(1)
    },
    async quit() {
      return { stop: new Error('lost') }
    },
    gone: () => ({ stop: { shutdown: 'left' } }),
  },
  terminate(reason, state) {
    same<Equal<typeof state, { count: number }>>()
    // @ts-expect-error a killed worker is not asked to terminate
    if (reason === 'killed') return
    if (reason instanceof Error) same<Equal<typeof reason.owner, string>>()
  },
})

const asynchronous = defineWorker({
  name: 'asynchronous',
  async init(_context: { url: string }) {
    return { connection: await Promise.resolve('open') }
  },
  handleInfo: {
    tick(_value, state) {
      same<Equal<typeof state, { connection: string }>>()
    },
  },
})

const bare = defineWorker({ name: 'bare', init() {} })

// @ts-expect-error a handler returns nothing or { stop }
defineWorker({ name: 'wrong', init() {}, handleInfo: { tick: () => 1 } })
// @ts-expect-error a worker needs init
defineWorker({ name: 'none' })
// @ts-expect-error a worker needs a name
defineWorker({ init() {} })

const supervisor = new Supervisor({ strategy: 'one_for_one' })
await supervisor.startChild({ worker: counter, context: { from: 1 } })
await supervisor.startChild({ worker: asynchronous, context: { url: 'x' }, shutdown: 'brutal_kill' })
await supervisor.startChild({ worker: bare, restart: 'temporary', id: 'other', shutdown: 10 })
await supervisor.startChild({
  id: 'nested',
  supervisor: { strategy: 'rest_for_one' },
  init: (nested) => nested.startChild({ worker: counter, context: { from: 1 } }),
})
// @ts-expect-error its init needs a context
await supervisor.startChild({ worker: counter })
// @ts-expect-error its init needs another context
await supervisor.startChild({ worker: counter, context: { from: '1' } })
// @ts-expect-error no such restart type
await supervisor.startChild({ worker: bare, restart: 'always' })
// @ts-expect-error no such strategy
new Supervisor({ strategy: 'simple_one_for_one' })
// @ts-expect-error a strategy is chosen
new Supervisor({})
same<Equal<Awaited<typeof supervisor.failed>['name'], 'CallbackError'>>()

const room = defineWorker({
  name: 'room',
  init: (context: { room: string }) => ({ count: context.room.length }),
  handleCall: {
    count: (_value, state) => ({ reply: state.count }),
    add(by: number, state) {
      // @ts-expect-error the state has no such field
      state.total = 1
      state.count += by
      return { reply: state.count > 1 }
    },
    later: async (text: string) => ({ reply: Promise.resolve(text) }),
    quit: (_value: undefined, state) => ({ stop: 'normal', reply: `${state.count}` }),
  },
})
// @ts-expect-error a call has a reply, or ends the worker
defineWorker({ name: 'wrong', init() {}, handleCall: { count: () => 1 } })
const handle = await supervisor.startChild({ worker: room, context: { room: 'lobby' } })
const sent: boolean = handle.send('add', 1)
same<Equal<typeof handle.info.status, 'starting' | 'running' | 'stopping' | 'stopped'>>()
const count = await handle.call('count')
same<Equal<typeof count, number>>()
const isMany = await handle.call('add', 2, { timeout: 100 })
same<Equal<typeof isMany, boolean>>()
const text = await handle.call('later', 'x')
same<Equal<typeof text, string>>()
const last = await handle.call('quit', undefined, { timeout: Number.POSITIVE_INFINITY })
same<Equal<typeof last, string>>()
// @ts-expect-error a value of the handler's type
await handle.call('add', 'two')
// @ts-expect-error it takes a value
await handle.call('add')
// @ts-expect-error no such call
await handle.call('remove')
const found = supervisor.whereis('room')
const unknownReply = await found?.call('anything', 1)
same<Equal<typeof unknownReply, unknown>>()
await supervisor.restartChild('room')
const rooms = new Registry(supervisor, { worker: room, context: (key) => ({ room: key }) })
const lobby = await rooms.ensure('lobby')
const lobbyCount = await lobby.call('count')
same<Equal<typeof lobbyCount, number>>()
const isThere: boolean | undefined = rooms.whereis('lobby')?.send('add')
// @ts-expect-error its init needs another context
new Registry(supervisor, { worker: room, context: (key: string) => ({ key }) })

export { isThere, sent }
