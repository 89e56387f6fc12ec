import type { Figures } from '../../server/dashboard/contract.ts'
import { element, find, showList } from '../app/dom.ts'

/** Supervised worker of a node. `node` is the id of the node, `place` its host and process id. */
export type NodeWorker = Figures['workers'][number] & { readonly node: string; readonly place: string }

/** Table of the supervised workers of the shown nodes. */
export type WorkersView = { show(workers: readonly NodeWorker[]): void }

/** Create the table. `restart` is called with the worker whose button was pressed. */
export function workersView(restart: (worker: NodeWorker) => void): WorkersView {
  const list = find('.workers-list', HTMLTableSectionElement)
  const none = find('.workers-none', HTMLElement)
  const create = (worker: NodeWorker) => createWorker(worker, () => restart(worker))
  return {
    show(workers) {
      none.hidden = workers.length > 0
      showList(list, workers, { key: ({ node, id }) => `${node} ${id}`, create, update: updateWorker })
    },
  }
}

function createWorker({ id, place }: NodeWorker, restart: () => void): HTMLElement {
  const name = element('th', '', id)
  name.scope = 'row'
  const status = element('td', '', element('span', 'status'))
  const button = element('button', 'quiet', 'Restart')
  button.type = 'button'
  button.setAttribute('aria-label', `Restart ${id} on ${place}`)
  button.addEventListener('click', restart)
  const restarts = element('td', 'number', element('span', 'restarts'))
  return element('tr', '', name, element('td', 'place', place), status, restarts, element('td', '', button))
}

function updateWorker(row: HTMLElement, worker: NodeWorker): void {
  const status = row.querySelector<HTMLElement>('.status')
  const restarts = row.querySelector('.restarts')
  if (status !== null) {
    status.dataset['status'] = worker.status
    status.textContent = worker.status
  }
  restarts?.replaceChildren(String(worker.restarts))
  restarts?.classList.toggle('restarted', worker.restarts > 0)
}
