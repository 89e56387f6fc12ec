/** Methods of `localStorage` that the page uses. */
export type Store = {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const PROBE = 'fastify-phoenix.probe'

/** Open a store. If the browser forbids storage, returns a store in memory instead. */
export function openStore(open: () => Store): Store {
  try {
    const store = open()
    store.setItem(PROBE, '')
    store.removeItem(PROBE)
    return store
  } catch {
    return memoryStore()
  }
}

/** Create a store in memory, which is lost when the page closes. */
export function memoryStore(): Store {
  const items = new Map<string, string>()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}
