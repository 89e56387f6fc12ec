import type { ChildProcess, SendHandle } from 'node:child_process'

/**
 * Notice the connection that node:cluster is handing to a process, which it does one at a time. It forgets it
 * if the process dies meanwhile, and its client would wait for an answer for ever.
 * @returns Closes it, so that the client tries again; does nothing if the process had taken it.
 */
export function watchHandOver(child: ChildProcess): () => void {
  let handle: unknown = null
  const send = child.send.bind(child)
  child.send = (message: never, ...rest: unknown[]) => {
    if (rest[0] !== undefined && typeof rest[0] !== 'function') handle = rest[0]
    // As they came: what is legal is for the function itself to say.
    return send(message, ...(rest as [SendHandle]))
  }
  return () => {
    // What node:cluster hands over is a handle of libuv, which knows no harm from being closed twice.
    if (typeof handle === 'object' && handle !== null && 'close' in handle)
      Reflect.apply(Object(handle).close, handle, [])
  }
}
