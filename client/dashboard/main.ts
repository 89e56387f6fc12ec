import { connectionView } from '../app/connection-view.ts'
import { find } from '../app/dom.ts'
import { openStore } from '../app/store.ts'
import { checkToken, refusal } from './access.ts'
import { accessView } from './access-view.ts'
import { boardView } from './board-view.ts'
import { pagePath } from './page-path.ts'
import { openSession, type Session } from './session.ts'

const TOKEN = 'fastify-phoenix.dashboard-token'

function start(): void {
  // The token is stored for this tab only, so that the next user of the browser cannot use it.
  const store = openStore(() => sessionStorage)
  const board = boardView()
  const access = accessView((token) => void enter(token))
  const connection = connectionView(() => session?.retry())
  let session: Session | null = null

  async function enter(token: string): Promise<void> {
    const verdict = await checkToken(token, pagePath())
    if (verdict === 'taken') watch(token)
    else access.ask(refusal(verdict))
  }
  function watch(token: string | null): void {
    if (token !== null) store.setItem(TOKEN, token)
    access.give()
    connection.show({ state: 'connecting' })
    const own = openSession(token, {
      joined: board.joined,
      nodes: board.nodes,
      topics: board.topics,
      frames: board.frames,
      connected: () => connection.show({ state: 'connected' }),
      lost(retryAt) {
        board.stale()
        connection.show({ state: 'lost', retryAt })
        if (token !== null) void askAgain(token, own)
      },
    })
    session = own
  }
  /** Check the token again, because the server may have been restarted with another token. */
  async function askAgain(token: string, asking: Session): Promise<void> {
    if ((await checkToken(token, pagePath())) === 'refused' && session === asking) forget(refusal('refused'))
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
  // True if no token is needed, because the server authorizes each request itself, e.g. by the request's cookies.
  const isOpen = document.documentElement.dataset['access'] === 'request'
  if (isOpen) watch(null)
  else if (kept === null) access.ask('')
  else watch(kept)
}

start()
