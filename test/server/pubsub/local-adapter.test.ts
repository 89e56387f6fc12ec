import { expect, test } from 'vitest'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'

test('reaches no other nodes, and so never waits', () => {
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
