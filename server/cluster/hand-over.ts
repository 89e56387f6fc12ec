import type { ChildProcess, SendHandle } from 'node:child_process'

/**
 * Remember the connection that `node:cluster` is handing over to a process. There is at most one such connection per
 * process at a time. If the process dies before it accepts the connection, `node:cluster` drops the connection without
 * closing it, and the client would wait forever.
 * @returns a function that closes the connection, so that the client retries. If the process has accepted the
 * connection, `node:cluster` has closed its handle already, and the function has no effect. It also has no effect if the
 * process could not be forked.
 */
export function watchHandOver(child: ChildProcess): () => void {
  // If the fork failed, for example with EMFILE, the process has no `send`, although its type declares the method.
  if (typeof child.send !== 'function') return () => {}
  let handle: unknown = null
  const send = child.send.bind(child)
  child.send = (message: never, ...rest: unknown[]) => {
    if (rest[0] !== undefined && typeof rest[0] !== 'function') handle = rest[0]
    // Pass the arguments on unchanged, because `send` checks them itself.
    return send(message, ...(rest as [SendHandle]))
  }
  return () => {
    // The handle belongs to libuv, and its type is not declared. `close` does nothing if the handle is already closed.
    if (typeof handle === 'object' && handle !== null && 'close' in handle)
      Reflect.apply(Object(handle).close, handle, [])
  }
}
