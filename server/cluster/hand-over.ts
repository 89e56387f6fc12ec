import type { ChildProcess, SendHandle } from 'node:child_process'

/**
 * Remember the connection that `node:cluster` is handing to a process; it hands over one at a time. If the process
 * dies before it takes the connection, `node:cluster` forgets it, and its client waits for ever.
 * @returns Closes the connection, so that the client retries; does nothing if the process has taken it.
 */
export function watchHandOver(child: ChildProcess): () => void {
  let handle: unknown = null
  const send = child.send.bind(child)
  child.send = (message: never, ...rest: unknown[]) => {
    if (rest[0] !== undefined && typeof rest[0] !== 'function') handle = rest[0]
    // Passed on unchanged: the function itself checks its arguments.
    return send(message, ...(rest as [SendHandle]))
  }
  return () => {
    // `node:cluster` hands over a handle of libuv, which can be closed twice.
    if (typeof handle === 'object' && handle !== null && 'close' in handle)
      Reflect.apply(Object(handle).close, handle, [])
  }
}
