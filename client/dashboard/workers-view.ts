import type { Figures } from '../../server/app/contracts/dashboard.ts'
import { element, find, showList } from '../app/dom.ts'

type Worker = Figures['workers'][number]

/** The workers that the process supervises. */
export type WorkersView = { show(workers: readonly Worker[]): void }

export function workersView(): WorkersView {
  const list = find('.workers-list', HTMLTableSectionElement)
  const none = find('.workers-none', HTMLElement)
  return {
    show(workers) {
      none.hidden = workers.length > 0
      showList(list, workers, { key: ({ id }) => id, create: createWorker, update: updateWorker })
    },
  }
}

function createWorker({ id }: Worker): HTMLElement {
  const name = element('th', '', id)
  name.scope = 'row'
  const status = element('td', '', element('span', 'status'))
  return element('tr', '', name, status, element('td', 'number', element('span', 'restarts')))
}

function updateWorker(row: HTMLElement, worker: Worker): void {
  const status = row.querySelector<HTMLElement>('.status')
  const restarts = row.querySelector('.restarts')
  if (status !== null) {
    status.dataset['status'] = worker.status
    status.textContent = worker.status
  }
  restarts?.replaceChildren(String(worker.restarts))
  restarts?.classList.toggle('restarted', worker.restarts > 0)
}
