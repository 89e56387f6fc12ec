import type { Figures } from '../../server/dashboard/contract.ts'
import { element, find } from '../app/dom.ts'

/** Counters: slow consumers, refused joins by reason, and presences. */
export type CountersView = { show(figures: Figures): void }

export function countersView(): CountersView {
  const list = find('.counters-list', HTMLElement)
  let shown = ''
  return {
    show({ slowConsumers, refusedJoins, presences }) {
      const rows: [string, number][] = [
        ['Slow consumers', slowConsumers],
        ...refusedJoins.map(({ reason, count }): [string, number] => [`Joins refused: ${reason}`, count]),
        ...presences.map(({ name, size }): [string, number] => [`Presences now: ${name}`, size]),
      ]
      // Do not replace unchanged text, so that the operator's selection is kept.
      const next = JSON.stringify(rows)
      if (next === shown) return
      shown = next
      list.replaceChildren(
        ...rows.map(([name, value]) =>
          element('div', '', element('dt', '', name), element('dd', '', String(value))),
        ),
      )
    },
  }
}
