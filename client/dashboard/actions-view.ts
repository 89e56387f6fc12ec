import { find } from '../app/dom.ts'
import type { DashboardChannel } from './session.ts'

/** Forms with which an operator acts on the cluster. */
export type ActionsView = {
  /** Set the channel that actions are sent to; null while the page is not connected. */
  use(channel: DashboardChannel | null): void
  restart(node: string, worker: string): void
}

export function actionsView(): ActionsView {
  const result = find('.actions-result', HTMLElement)
  let channel: DashboardChannel | null = null

  const run = async (what: string, action: (channel: DashboardChannel) => Promise<{ done: boolean }>) => {
    if (channel === null) return say(`${what}: this page is not connected to the server.`)
    try {
      const { done } = await action(channel)
      say(done ? `${what}: done.` : `${what}: failed.`)
    } catch {
      say(`${what}: the server refused the action or did not answer.`)
    }
  }
  const say = (text: string) => {
    result.textContent = text
  }
  onSubmit('.disconnect-form', () => {
    const input = find('#disconnect-id', HTMLInputElement)
    const socketId = input.value.trim()
    if (socketId === '') return input.focus()
    void run(`Disconnect ${socketId}`, (on) => on.push('disconnect', { socketId }))
  })
  onSubmit('.broadcast-form', () => {
    const [topic, event] = ['#broadcast-topic', '#broadcast-event'].map((id) =>
      find(id, HTMLInputElement).value.trim(),
    )
    const payload = parseObject(find('#broadcast-payload', HTMLInputElement).value)
    if (topic === undefined || topic === '' || event === undefined || event === '')
      return say('Broadcast: type a topic and an event.')
    if (payload === null) return say('Broadcast: the payload must be a JSON object.')
    void run(`Broadcast to ${topic}`, (on) => on.push('broadcast', { topic, event, payload }))
  })
  return {
    use(next) {
      channel = next
    },
    restart(node, worker) {
      void run(`Restart ${worker}`, (on) => on.push('restart', { node, worker }))
    },
  }
}

function onSubmit(selector: string, action: () => void): void {
  find(selector, HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    action()
  })
}

/** Parse a JSON object. Returns null for any other text. */
function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
