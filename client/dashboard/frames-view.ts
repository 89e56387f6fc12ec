import type { FrameFilter, LoggedFrame } from '../../server/dashboard/contract.ts'
import { find } from '../app/dom.ts'
import { formatTime } from './format.ts'

/** Maximum number of frames on the page. */
const MAX_LINES = 200

/** Live log of the frames of one topic or socket id. */
export type FramesView = {
  add(frames: readonly LoggedFrame[]): void
  /** Filter of the running log; null if the log is stopped. */
  readonly filter: FrameFilter | null
  clear(): void
}

/**
 * Create the log. `changed` is called with the filter when the operator starts the log, and with null when the operator
 * stops the log.
 */
export function framesView(changed: (filter: FrameFilter | null) => void): FramesView {
  const form = find('.frames-form', HTMLFormElement)
  const by = find('#frames-by', HTMLSelectElement)
  const value = find('#frames-value', HTMLInputElement)
  const list = find('.frames-list', HTMLTextAreaElement)
  const button = find('.frames-toggle', HTMLButtonElement)
  let filter: FrameFilter | null = null
  let lines: string[] = []

  const show = (next: string[]) => {
    lines = next.slice(-MAX_LINES)
    list.value = lines.join('\n')
    list.scrollTop = list.scrollHeight
  }
  const run = (next: FrameFilter | null) => {
    filter = next
    button.textContent = next === null ? 'Start' : 'Stop'
    by.disabled = next !== null
    value.disabled = next !== null
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = value.value.trim()
    if (filter === null && text === '') return value.focus()
    if (filter === null) show([])
    run(filter === null ? { by: by.value === 'socket' ? 'socket' : 'topic', value: text } : null)
    changed(filter)
  })
  return {
    get filter() {
      return filter
    },
    add(frames) {
      show([...lines, ...frames.map(lineOf)])
    },
    clear() {
      run(null)
      show([])
    },
  }
}

function lineOf({ at, direction, topic, event, socketId, payload }: LoggedFrame): string {
  const who = socketId === null ? '' : ` ${socketId}`
  return `${formatTime(at / 1_000, 1)} ${direction}${who} ${topic} ${event} ${payload}`
}
