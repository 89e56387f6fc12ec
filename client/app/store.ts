/** The methods of `localStorage` that the page uses. */
export type Store = {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const PROBE = 'fastify-phoenix.probe'

/** The store that `open` gives, or memory while the page lives where the browser forbids to store. */
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

/** A store that forgets with the page. */
export function memoryStore(): Store {
  const items = new Map<string, string>()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}
