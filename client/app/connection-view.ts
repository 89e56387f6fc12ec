import { type Connection, connectionText, countdown } from './connection.ts'
import { find } from './dom.ts'

const TICK_MS = 250

/** Part of the page that shows the state of the connection. */
export type ConnectionView = { show(connection: Connection): void }

/** Create the view of the connection's state in the page's header. The view's button calls `retryNow`. */
export function connectionView(retryNow: () => void): ConnectionView {
  const box = find('.connection', HTMLElement)
  const text = find('.connection-text', HTMLElement)
  // The countdown is not part of the status text: a screen reader would read the text aloud whenever the countdown
  // changes, which is each second.
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
