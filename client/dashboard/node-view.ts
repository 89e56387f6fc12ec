import type { NodeInfo } from '../../server/dashboard/contract.ts'
import { find } from '../app/dom.ts'
import { formatDuration } from './format.ts'

/** Details of the chosen node. */
export type NodeView = {
  /** Show a node; null hides the details. `now` is the server's time in milliseconds since 1970. */
  show(node: NodeInfo | null, now: number): void
}

export function nodeView(): NodeView {
  const list = find('.node', HTMLElement)
  return {
    show(node, now) {
      list.hidden = node === null
      if (node === null) return
      const { id, host, pid, version, startedAt } = node
      const texts = { id, host, pid: String(pid), version, uptime: formatDuration(now - startedAt) }
      for (const [name, text] of Object.entries(texts)) {
        const field = find(`.node-${name}`, HTMLElement)
        if (field.textContent !== text) field.textContent = text
      }
    },
  }
}
