import type { Worker } from '../../server/supervisor/worker.ts'

/** Log of traced workers, line by line, and access to the running ones. */
export class Trace {
  readonly lines: string[] = []
  readonly #workers = new Map<string, Worker>()
  readonly #waiting = new Set<() => void>()

  add(line: string): void {
    this.lines.push(line)
    for (const check of this.#waiting) check()
  }

  /** Resolves when the line has been added, `times` in all. */
  async has(line: string, times = 1): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.lines.filter((each) => each === line).length < times) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** The lines since the last call. */
  take(): string[] {
    return this.lines.splice(0)
  }

  started(name: string, worker: Worker): void {
    this.#workers.set(name, worker)
    this.add(`${name} init`)
  }

  /** The latest instance of a worker. */
  worker(name: string): Worker {
    const worker = this.#workers.get(name)
    if (worker === undefined) throw new Error(`${name} has not started`)
    return worker
  }
}
