import { TestEndpoint } from './build-endpoint.ts'
import { MemoryEngine, MemoryNodes } from './memory-nodes.ts'

/** Two endpoints that can ask each other; broadcasts stay on their node. */
export function memoryCluster(): [TestEndpoint, TestEndpoint] {
  const all = new Map<string, MemoryNodes>()
  const open = (name: string): TestEndpoint => {
    const nodes = new MemoryNodes(name, all)
    const endpoint = new TestEndpoint({ engine: new MemoryEngine(nodes) })
    all.delete(name)
    all.set(endpoint.nodeId, nodes)
    return endpoint
  }
  return [open('one'), open('two')]
}
