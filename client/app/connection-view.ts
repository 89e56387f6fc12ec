import { type Connection, connectionText, countdown } from './connection.ts'
import { find } from './dom.ts'

const TICK_MS = 250

/** Where the page says how the connection is. */
export type ConnectionView = { show(connection: Connection): void }

/** The state of the connection in the page's head; `retryNow` is called by its button. */
export function connectionView(retryNow: () => void): ConnectionView {
  const box = find('.connection', HTMLElement)
  const text = find('.connection-text', HTMLElement)
  // A timer of its own, because a status that changes each second would be read aloud each second.
  const timer = find('.connection-timer', HTMLElement)
  const button = find('.connection-retry', HTMLButtonElement)
  let connection: Connection = { state: 'connecting' }
  let ticking: ReturnType<typeof setInterval> | undefined

  const tick = () => {
    timer.textContent = countdown(connection, Date.now())
  }
  button.addEventListener('click', retryNow)

  return {
    show(next) {
      connection = next
      box.dataset['state'] = next.state
      const said = connectionText(next)
      if (text.textContent !== said) text.textContent = said
      button.hidden = next.state !== 'lost' && next.state !== 'offline'
      clearInterval(ticking)
      if (next.state === 'lost') ticking = setInterval(tick, TICK_MS)
      tick()
    },
  }
}
