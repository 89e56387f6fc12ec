import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { OwnProcess } from './own-process.ts'
import { until } from './until.ts'

/** A primary of the app and its worker processes, in a group of their own, until the end of the test. */
export class WorkerProcesses extends OwnProcess {
  /** `main`: the bundled app. By default 2 of them, silent about messages of their own. */
  constructor(main: string, env: Record<string, string>) {
    const own = { PORT: '0', HOST: '127.0.0.1', NOTIFY_EVERY_MS: '0', WORKERS: '2' }
    super(main, { ...own, ...env }, { ownGroup: true })
  }

  /** The process ids of those that have ever listened, in that order; waits until there are so many. */
  async listened(count: number): Promise<number[]> {
    const pids = () => this.lines.flatMap((line) => /"pid":(\d+),.*"Server listening/.exec(line)?.[1] ?? [])
    await until(() => pids().length >= count, { timeout: 100_000 })
    return pids().map(Number)
  }

  /** Where they listen. */
  base(): Promise<string> {
    return this.line(/http:\/\/127\.0\.0\.1:\d+/)
  }

  /** The process ids of those that run at present. */
  get running(): number[] {
    const { pid } = this.child
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  }
}

/** How many sockets a process has open. */
export function countSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => linkOf(`${folder}/${fd}`).startsWith('socket:')).length
}

/** Target of a descriptor; empty if it was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
