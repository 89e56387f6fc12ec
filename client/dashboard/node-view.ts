import type { NodeInfo } from '../../server/app/contracts/dashboard.ts'
import { find } from '../app/dom.ts'
import { formatDuration } from './format.ts'

/** Which process is shown. */
export type NodeView = {
  show(node: NodeInfo): void
  /** Bring its age up to date; `now` is the server's time, in milliseconds since 1970. */
  age(now: number): void
}

export function nodeView(): NodeView {
  const field = (name: string) => find(`.node-${name}`, HTMLElement)
  let startedAt = 0
  return {
    show(node) {
      startedAt = node.startedAt
      field('id').textContent = node.id
      field('host').textContent = node.host
      field('pid').textContent = String(node.pid)
      field('version').textContent = node.version
    },
    age(now) {
      field('uptime').textContent = formatDuration(now - startedAt)
    },
  }
}
