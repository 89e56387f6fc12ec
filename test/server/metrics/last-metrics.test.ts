import { Registry } from 'prom-client'
import { expect, onTestFinished, test, vi } from 'vitest'
import { shareMetrics } from '../../../server/metrics/cluster.ts'
import { onLastMetrics, sendLastMetrics } from '../../../server/metrics/last-metrics.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

function listen(send: () => PromiseLike<void>): () => void {
  const stop = onLastMetrics(send)
  onTestFinished(stop)
  return stop
}

test('the last metrics are sent by every listener, until it stops', async () => {
  const order: string[] = []
  const stop = listen(async () => void order.push('first'))
  const second = new Deferred()
  listen(() => second.promise.then(() => void order.push('second')))
  const sent = sendLastMetrics().then(() => order.push('sent'))
  second.resolve()
  await sent
  stop()
  await sendLastMetrics()
  expect(order).toEqual(['first', 'second', 'sent', 'second'])
})

test('a process ends without its last metrics if they cannot be read', async () => {
  listen(() => Promise.reject(new Error('a metric that throws')))
  await sendLastMetrics()
})

test('a process waits at most a second for its last metrics', async () => {
  useFakeTimers()
  listen(() => new Promise(() => {}))
  let isSent = false
  void sendLastMetrics().then(() => {
    isSent = true
  })
  await vi.advanceTimersByTimeAsync(999)
  expect(isSent).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(isSent).toBe(true)
})

test('metrics that are no longer shared are not sent at the end', async () => {
  const registry = new Registry()
  const read = vi.spyOn(registry, 'getMetricsAsJSON')
  shareMetrics(registry).stop()
  await sendLastMetrics()
  expect(read).not.toHaveBeenCalled()
})
