import type { NodeInfo } from '../../server/dashboard/contract.ts'
import { element, find } from '../app/dom.ts'

/** Value that stands for all nodes together. */
export const ALL = 'all'

/** Menu to choose a node. */
export type NodeChoice = {
  /** Id of the chosen node, or `ALL`. */
  readonly chosen: string
  /** List the nodes. If the chosen node no longer exists, `fallback` is chosen. */
  show(nodes: readonly NodeInfo[], fallback: string): void
}

/** Create the menu. `changed` is called when the operator chooses another node. */
export function nodeChoice(changed: () => void): NodeChoice {
  const select = find('#node-choice', HTMLSelectElement)
  let shown = ''
  select.addEventListener('change', changed)
  return {
    get chosen() {
      return select.value
    },
    show(nodes, fallback) {
      const rows = nodes.map(({ id, host, pid }): [string, string] => [id, `${host} ${pid}`])
      const next = JSON.stringify([fallback, rows])
      // If the list is unchanged, do not touch the menu: a change would close it while the operator uses it.
      if (next === shown) return
      shown = next
      const chosen = select.value
      const isThere = chosen === ALL || nodes.some(({ id }) => id === chosen)
      const options = [[ALL, `All nodes (${nodes.length})`], ...rows].map(([value = '', text = '']) => {
        const option = element('option', '', text)
        option.value = value
        return option
      })
      select.replaceChildren(...options)
      select.value = isThere ? chosen : fallback
    },
  }
}
