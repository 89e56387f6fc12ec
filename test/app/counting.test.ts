import { expect, test } from 'vitest'
import { Counting } from '../../server/app/counting.ts'
import { telemetry } from '../../server/index.ts'
import { TestEndpoint } from '../helpers/build-endpoint.ts'

test('counts once for all who hold it, and no more when the last has let go', () => {
  const endpoint = new TestEndpoint()
  const counting = new Counting(() => endpoint)
  expect(telemetry.messageSent.hasSubscribers).toBe(false)

  const registry = counting.hold()
  expect(counting.hold()).toBe(registry)
  expect(telemetry.messageSent.hasSubscribers).toBe(true)

  counting.release()
  expect(telemetry.messageSent.hasSubscribers).toBe(true)
  counting.release()
  expect(telemetry.messageSent.hasSubscribers).toBe(false)
})

test('begins anew after that', () => {
  const endpoint = new TestEndpoint()
  const counting = new Counting(() => endpoint)
  const first = counting.hold()
  counting.release()
  expect(counting.hold()).not.toBe(first)
  expect(telemetry.messageSent.hasSubscribers).toBe(true)
  counting.release()
})
