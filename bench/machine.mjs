import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'

/**
 * @typedef {object} Machine
 * @property {{ server: number, generator: number } | null} cores core of each side; null when processes cannot be pinned
 * @property {number} maxFiles maximum open files of a process
 * @property {string} description processor, versions, date, commit
 */

/** Reads the properties of this machine. @returns {Machine} */
export function inspectMachine() {
  if (!existsSync('/proc/self/schedstat'))
    throw new Error('the benchmark requires Linux: it reads CPU times from /proc')
  const allowed = allowedCores()
  const canPin = allowed.length >= 2 && spawnSync('taskset', ['--version']).status === 0
  const cores = canPin ? { server: allowed[0], generator: allowed[1] } : null
  return { cores, maxFiles: hardFileLimit(), description: describe(cores) }
}

function allowedCores() {
  const status = readFileSync('/proc/self/status', 'latin1')
  const list = /Cpus_allowed_list:\s*(\S+)/.exec(status)?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

function hardFileLimit() {
  const limits = readFileSync('/proc/self/limits', 'latin1')
  const hard = /Max open files\s+\S+\s+(\S+)/.exec(limits)?.[1]
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

/** @param {Machine['cores']} cores */
function describe(cores) {
  const [processor] = os.cpus()
  const pinned =
    cores === null ? 'not pinned' : `server on core ${cores.server}, generator on core ${cores.generator}`
  const day = new Date().toISOString().slice(0, 10)
  return [
    `${os.availableParallelism()} × ${processor?.model.trim()}`,
    `Linux ${os.release()}`,
    `Node ${process.versions.node}`,
    pinned,
    day,
    commit(),
  ].join(', ')
}

function commit() {
  try {
    return `commit ${execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()}`
  } catch {
    return 'no commit' // an unpacked archive has no history
  }
}
