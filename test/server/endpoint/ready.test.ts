import { expect, test } from 'vitest'
import type { EngineNode, EngineState } from '../../../server/engine/engine.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { MemoryEngine, MemoryNodes } from '../../helpers/memory-nodes.ts'

/** An engine whose state the test sets. */
class SlowEngine extends MemoryEngine {
  override state: EngineState = 'connecting'
  #node: EngineNode | null = null

  override start(node?: EngineNode): void {
    this.#node = node ?? null
  }

  become(state: EngineState): void {
    this.state = state
    this.#node?.stateChanged?.(state)
  }
}

async function startSlow() {
  const engine = new SlowEngine(new MemoryNodes('one', new Map()))
  const endpoint = new TestEndpoint({ engine })
  await endpoint.start()
  const seen: boolean[] = []
  void endpoint.ready.then((isConnected) => seen.push(isConnected))
  return { engine, endpoint, seen }
}

test('an endpoint is ready as soon as its engine is connected, and not before', async () => {
  const { engine, endpoint, seen } = await startSlow()
  engine.become('down')
  await Promise.resolve()
  expect(seen).toEqual([])
  engine.become('up')
  expect(await endpoint.ready).toBe(true)
  expect(seen).toEqual([true])
})

test('ready resolves with false if the endpoint is stopped before its engine is connected', async () => {
  const { endpoint } = await startSlow()
  await endpoint.stop()
  expect(await endpoint.ready).toBe(false)
})

test('a single node is ready as soon as it has started', async () => {
  const endpoint = new TestEndpoint({ engine: new LocalEngine() })
  await endpoint.start()
  expect(await endpoint.ready).toBe(true)
})
