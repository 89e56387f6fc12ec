/** Methods of `localStorage` that the page uses. */
export type Store = {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/**
 * Open a store. A value that the browser cannot store, for example because the store is full, is kept in memory. If the
 * browser forbids storage, returns a store in memory.
 */
export function openStore(open: () => Store): Store {
  try {
    const store = open()
    // Some browsers return a store that cannot be used, or null.
    store.getItem('')
    return safeStore(store)
  } catch {
    return memoryStore()
  }
}

function safeStore(store: Store): Store {
  const unstored = memoryStore()
  return {
    getItem: (key) => unstored.getItem(key) ?? store.getItem(key),
    setItem(key, value) {
      try {
        store.setItem(key, value)
        unstored.removeItem(key)
      } catch {
        unstored.setItem(key, value)
      }
    },
    removeItem(key) {
      unstored.removeItem(key)
      store.removeItem(key)
    },
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
