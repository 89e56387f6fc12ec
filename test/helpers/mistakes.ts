const boom = () => {
  throw new Error('x')
}

/** An error whose every property throws when it is read, as a logger does. */
export function unreadableError(): Error {
  const error = new Error('unreadable')
  // V8 makes the stack of the message when it is first asked for.
  void error.stack
  for (const key of ['message', 'stack', 'name', 'cause', 'code', 'toString', 'toJSON', Symbol.toPrimitive]) {
    Object.defineProperty(error, key, { get: boom, enumerable: true })
  }
  return error
}

/** An object on which every operation throws. */
export function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** An object whose prototype cannot be asked for, which `instanceof` does. */
export function withoutPrototype(): object {
  return new Proxy(new Error('x'), { getPrototypeOf: boom })
}

/** A promise as libraries make them; the literal would look like a mistake of the test. */
export function thenable(then: (ok: (value: object) => void, no: (error: Error) => void) => unknown): never {
  return Object.fromEntries([['then', then]]) as never
}

/** Ways in which a callback can go wrong, by name; each is a failure of the callback. */
export const mistakes: readonly [string, () => never][] = [
  ['returns a promise whose then throws', () => thenable(boom)],
  [
    'returns an object whose then cannot be read',
    () => Object.defineProperty({}, 'then', { get: boom }) as never,
  ],
  [
    'returns a promise that rejects twice',
    () => thenable((_ok, no) => [no(new Error('1')), no(new Error('2'))]),
  ],
  [
    'returns a promise that rejects, resolves and throws',
    () => thenable((ok, no) => [no(new Error('1')), ok({ ok: {} }), boom()]),
  ],
  ['returns a revoked proxy', () => revokedProxy() as never],
  [
    'throws a revoked proxy',
    () => {
      throw revokedProxy()
    },
  ],
  [
    'throws an error that cannot be read',
    () => {
      throw unreadableError()
    },
  ],
  [
    'throws an error without a prototype to read',
    () => {
      throw withoutPrototype()
    },
  ],
  ['rejects with a revoked proxy', () => Promise.reject(revokedProxy()) as never],
  ['rejects with an error that cannot be read', () => Promise.reject(unreadableError()) as never],
  [
    'returns a promise that cannot be subscribed to',
    () => Object.defineProperty(Promise.resolve(), 'constructor', { get: boom }) as never,
  ],
]
