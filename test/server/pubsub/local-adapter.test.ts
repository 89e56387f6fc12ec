import { expect, test } from 'vitest'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'

test('has nobody to reach, and so nothing to wait for', () => {
  const adapter = new LocalAdapter()
  const results = [
    adapter.start(),
    adapter.subscribe(),
    adapter.publish(),
    adapter.unsubscribe(),
    adapter.stop(),
  ]
  expect(results).toEqual([undefined, undefined, undefined, undefined, undefined])
})
