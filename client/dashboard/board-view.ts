import type {
  Figures,
  FrameFilter,
  LoggedFrame,
  NodeInfo,
  Nodes,
  Topics,
} from '../../server/dashboard/contract.ts'
import { find } from '../app/dom.ts'
import { actionsView } from './actions-view.ts'
import { countersView } from './counters-view.ts'
import { framesView } from './frames-view.ts'
import { History } from './history.ts'
import { ALL, nodeChoice } from './node-choice.ts'
import { nodeView } from './node-view.ts'
import { plotView } from './plot-view.ts'
import { plots } from './plots.ts'
import type { DashboardChannel } from './session.ts'
import { topicsView } from './topics-view.ts'
import { addUp } from './totals.ts'
import { workersView } from './workers-view.ts'

/** Main view of the dashboard. */
export type BoardView = {
  /** Send actions to `channel` from now on. `node` is the node that the page is connected to. */
  joined(node: NodeInfo, channel: DashboardChannel): void
  nodes(nodes: Nodes): void
  topics(topics: Topics): void
  frames(frames: readonly LoggedFrame[]): void
  /** Show that the figures are out of date, and send no actions until the next `joined`. */
  stale(): void
  clear(): void
}

export function boardView(): BoardView {
  const board = find('.board', HTMLElement)
  const node = nodeView()
  const figures = plots.map(plotView)
  const topics = topicsView()
  const counters = countersView()
  const actions = actionsView()
  const workers = workersView((worker) => actions.restart(worker.node, worker.id))
  const choice = nodeChoice(() => draw())
  let channel: DashboardChannel | null = null
  const frames = framesView((filter) => void sendFilter(filter))
  /** Histories by node id. The key `ALL` has the history of the totals. */
  const histories = new Map<string, History>()
  let latest: Nodes['nodes'] = []
  let reached = ''

  find('.plots', HTMLElement).append(...figures.map((figure) => figure.node))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const figure of figures) figure.redraw()
  })
  const sendFilter = async (filter: FrameFilter | null) =>
    channel?.push('log', filter ?? { by: 'nothing' }).catch(() => undefined)
  const add = (id: string, next: Figures | null) => {
    const history = histories.get(id) ?? new History()
    histories.set(id, history)
    if (next !== null) history.add(next)
  }
  const draw = () => {
    const { chosen } = choice
    const history = histories.get(chosen) ?? new History()
    for (const figure of figures) figure.show(history)
    const shown = latest.filter((one) => chosen === ALL || one.node.id === chosen)
    workers.show(
      shown.flatMap(({ node: { id, host, pid }, figures: own }) =>
        (own?.workers ?? []).map((worker) => ({ ...worker, node: id, place: `${host} ${pid}` })),
      ),
    )
    const now = history.figures.at(-1)
    if (now != null) counters.show(now)
    const [one, ...others] = shown
    node.show(one === undefined || others.length > 0 ? null : one.node, now?.at ?? Date.now())
  }

  return {
    joined(info, joinedChannel) {
      channel = joinedChannel
      actions.use(channel)
      reached = info.id
      if (frames.filter !== null) void sendFilter(frames.filter)
    },
    nodes({ nodes }) {
      board.dataset['stale'] = 'false'
      latest = nodes
      const ids = new Set([ALL, ...nodes.map(({ node: { id } }) => id)])
      for (const id of histories.keys()) if (!ids.has(id)) histories.delete(id)
      for (const one of nodes) add(one.node.id, one.figures)
      add(ALL, addUp(nodes.flatMap((one) => one.figures ?? [])))
      choice.show(
        nodes.map((one) => one.node),
        reached,
      )
      draw()
    },
    topics: (next) => topics.show(next),
    frames: (next) => frames.add(next),
    stale() {
      board.dataset['stale'] = 'true'
      actions.use(null)
    },
    clear() {
      histories.clear()
      latest = []
      actions.use(null)
      frames.clear()
      topics.show({ topics: [], isAll: true })
      draw()
    },
  }
}
