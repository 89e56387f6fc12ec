import { connectionView } from '../app/connection-view.ts'
import { find } from '../app/dom.ts'
import { openStore } from '../app/store.ts'
import { checkToken, refusal } from './access.ts'
import { accessView } from './access-view.ts'
import { boardView } from './board-view.ts'
import { openSession, type Session } from './session.ts'

const TOKEN = 'fastify-phoenix.dashboard-token'

function start(): void {
  // It ends with the tab: what it opens is not for whoever comes next.
  const store = openStore(() => sessionStorage)
  const board = boardView()
  const access = accessView((token) => void enter(token))
  const connection = connectionView(() => session?.retry())
  let session: Session | null = null

  async function enter(token: string): Promise<void> {
    const verdict = await checkToken(token)
    if (verdict === 'taken') watch(token)
    else access.ask(refusal(verdict))
  }
  function watch(token: string): void {
    store.setItem(TOKEN, token)
    access.give()
    connection.show({ state: 'connecting' })
    const own = openSession(token, {
      joined: board.joined,
      figures: board.figures,
      rooms: board.rooms,
      connected: () => connection.show({ state: 'connected' }),
      lost(retryAt) {
        board.stale()
        connection.show({ state: 'lost', retryAt })
        void askAgain(token, own)
      },
    })
    session = own
  }
  /** The server may have been started again with another token. */
  async function askAgain(token: string, asking: Session): Promise<void> {
    if ((await checkToken(token)) === 'refused' && session === asking) forget(refusal('refused'))
  }
  function forget(problem: string): void {
    session?.end()
    session = null
    store.removeItem(TOKEN)
    board.clear()
    access.ask(problem)
  }

  find('.forget', HTMLButtonElement).addEventListener('click', () => forget(''))
  const kept = store.getItem(TOKEN)
  if (kept === null) access.ask('')
  else watch(kept)
}

start()
