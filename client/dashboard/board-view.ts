import type { Figures, NodeInfo, Rooms } from '../../server/app/contracts/dashboard.ts'
import { find } from '../app/dom.ts'
import { History } from './history.ts'
import { nodeView } from './node-view.ts'
import { plotView } from './plot-view.ts'
import { plots } from './plots.ts'
import { roomsView } from './rooms-view.ts'
import { workersView } from './workers-view.ts'

/** All that is seen of the server. */
export type BoardView = {
  /** Figures of another process are not drawn on from those of the last. */
  joined(node: NodeInfo): void
  figures(figures: Figures): void
  rooms(rooms: Rooms): void
  /** What is shown is no longer how things are. */
  stale(): void
  /** Show nothing any more. */
  clear(): void
}

export function boardView(): BoardView {
  const board = find('.board', HTMLElement)
  const node = nodeView()
  const figures = plots.map(plotView)
  const rooms = roomsView()
  const workers = workersView()
  const history = new History()
  let shown = ''

  find('.plots', HTMLElement).append(...figures.map((figure) => figure.node))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const figure of figures) figure.redraw()
  })
  const draw = () => {
    for (const figure of figures) figure.show(history)
  }
  const clear = () => {
    history.clear()
    draw()
  }

  return {
    joined(info) {
      if (info.id !== shown) clear()
      shown = info.id
      node.show(info)
    },
    figures(next) {
      board.dataset['stale'] = 'false'
      history.add(next)
      draw()
      workers.show(next.workers)
      node.age(next.at)
    },
    rooms: (next) => rooms.show(next),
    stale() {
      board.dataset['stale'] = 'true'
    },
    clear() {
      shown = ''
      clear()
      workers.show([])
      rooms.show({ rooms: [], unlisted: 0 })
    },
  }
}
