// Values of the application that misbehave, in the callbacks of a worker and around its supervisor.
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { mistakes, unreadableError } from '../../helpers/mistakes.ts'
import { makeWorker, startWorker } from '../../helpers/start-worker.ts'
import { supervise } from '../../helpers/supervise.ts'

test.each(mistakes)('an init that %s is one crash (SUPERVISE-4)', async (_, init) => {
  const { worker, crashes } = makeWorker(defineWorker({ name: 'w', init }), null)
  expect([await worker.start(), crashes.length]).toEqual([crashes[0], 1])
})

test.each(mistakes)('a handler that %s is one crash (WORKER-2)', async (_, mistake) => {
  const definition = defineWorker({ name: 'w', init: () => 1, handleInfo: { go: mistake } })
  const { worker, crashes } = await startWorker(definition, null)
  worker.send('go')
  expect([await worker.exited, crashes.length]).toEqual([crashes[0], 1])
})

test.each(mistakes)('a terminate that %s is one crash (WORKER-5)', async (_, terminate) => {
  const { worker, crashes } = await startWorker(defineWorker({ name: 'w', init: () => 1, terminate }), null)
  worker.stop()
  expect([await worker.exited, crashes.length]).toEqual([crashes[0], 1])
})

test("a worker's announced reason is copied (SUPERVISE-2)", async () => {
  const reason = new Proxy({ shutdown: 'done' }, { getPrototypeOf: () => mistakes[5]?.[1]() ?? null })
  const stop = () => ({ stop: reason })
  const { worker } = await startWorker(defineWorker({ name: 'w', init: () => 1, handleInfo: { stop } }), null)
  worker.send('stop')
  expect(await worker.exited).toEqual({ shutdown: 'done' })
})

test.each(mistakes)(
  'an onCrash that %s does not keep a child from its restart (SUPERVISE-4)',
  async (_, onCrash) => {
    const lines: string[] = []
    const logger = pino({}, { write: (line: string) => void lines.push(line) })
    const supervisor = supervise({ logger, onCrash })
    let starts = 0
    const started = new Promise<void>((resolve) => {
      const worker = defineWorker({
        name: 'w',
        init(_context, self) {
          starts += 1
          if (starts === 2) resolve()
          else self.send('crash')
        },
        handleInfo: {
          crash() {
            throw unreadableError()
          },
        },
      })
      void supervisor.startChild({ worker })
    })
    await started
    expect(supervisor.children()).toMatchObject([{ id: 'w', restarts: 1 }])
    expect(lines[0]).toContain('w: handleInfo.crash failed')
  },
)
