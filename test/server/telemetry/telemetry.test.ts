import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test, vi } from 'vitest'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { turn } from '../../helpers/deferred.ts'
import { mistakes } from '../../helpers/mistakes.ts'
import { listenTo } from '../../helpers/telemetry.ts'

test.each(Object.entries(telemetry))(
  '%s is a diagnostics channel under its public name (TELEMETRY-1)',
  (key, value) => {
    const name = `phoenix.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
    expect(value.name).toBe(name)
    const told: unknown[] = []
    const listen = (message: unknown): void => void told.push(message)
    subscribe(name, listen)
    onTestFinished(() => void unsubscribe(name, listen))
    value.publish({ n: 1 } as never)
    expect(told).toEqual([{ n: 1 }])
  },
)

test.each(mistakes)(
  'a listener that %s causes one warning, and does not end the process (TELEMETRY-3)',
  async (_, mistake) => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    onTestFinished(() => void process.off('warning', warned))
    const listener = vi.fn(mistake)
    telemetry.gap.subscribe(listener)
    const others = listenTo(telemetry.gap)
    const message = { endpoint: {}, topic: 'room:a' }
    for (let count = 0; count < 3; count++) telemetry.gap.publish(message)
    await turn()
    telemetry.gap.unsubscribe(listener)
    telemetry.gap.publish(message)
    await turn()
    expect([listener.mock.calls.length, others.length, warnings.length]).toEqual([3, 4, 1])
    expect(warnings[0]?.message).toContain('listener of phoenix.gap failed')
  },
)
