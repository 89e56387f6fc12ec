import { readdirSync, readFileSync } from 'node:fs'

// Unit of /proc/stat and /proc/<pid>/stat: USER_HZ, which is 100 on every Linux that Node supports.
const TICKS_PER_SECOND = 100

/**
 * @typedef {{ threads: Map<string, number>, ticks: number }} Used nanoseconds by thread, and the coarse total
 * @typedef {{ at: number, server: Used, generator: Used, busy: number }} Snapshot
 */

/**
 * Reads the CPU time that both sides and their cores have used so far.
 * @param {number | readonly number[]} server process ids
 * @param {number | readonly number[]} generator process ids
 * @param {import('./machine.mjs').Machine['cores']} cores
 * @returns {Snapshot}
 */
export function snapshot(server, generator, cores) {
  return { at: performance.now(), server: used(server), generator: used(generator), busy: busySeconds(cores) }
}

/**
 * CPU seconds between two snapshots. `foreign` is the use by other processes, in cores: 0.1 is a tenth of one core.
 * @param {Snapshot} before
 * @param {Snapshot} after
 */
export function spent(before, after) {
  const wall = (after.at - before.at) / 1_000
  const server = seconds(before.server, after.server)
  const generator = seconds(before.generator, after.generator)
  const foreign = Math.max(0, after.busy - before.busy - server - generator) / wall
  return { wall, server, generator, foreign }
}

/**
 * Resident memory of a process, in bytes.
 * @param {number} pid
 */
export function residentBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) * 1_024
}

/**
 * Number of write system calls of these processes so far.
 * @param {readonly number[]} pids
 */
export function writeCalls(pids) {
  const counts = pids.map((pid) => /syscw: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1])
  return counts.reduce((sum, count) => sum + Number(count), 0)
}

/** @param {number | readonly number[]} pids @returns {Used} */
function used(pids) {
  const threads = new Map()
  let ticks = 0
  for (const pid of [pids].flat()) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const schedstat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1')
      threads.set(thread, Number(schedstat.split(' ')[0]))
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
    ticks += Number(user) + Number(system)
  }
  return { threads, ticks }
}

/**
 * @param {Used} before
 * @param {Used} after
 */
function seconds(before, after) {
  let nanoseconds = 0
  for (const time of after.threads.values()) nanoseconds += time
  for (const [thread, time] of before.threads) {
    // The exact time of an ended thread is lost: only the ticks include it.
    if (!after.threads.has(thread)) return (after.ticks - before.ticks) / TICKS_PER_SECOND
    nanoseconds -= time
  }
  return nanoseconds / 1e9
}

/** @param {import('./machine.mjs').Machine['cores']} cores */
function busySeconds(cores) {
  const lines = readFileSync('/proc/stat', 'latin1').split('\n')
  const wanted = cores === null ? ['cpu'] : [`cpu${cores.server}`, `cpu${cores.generator}`]
  let ticks = 0
  for (const line of lines) {
    const [name, ...fields] = line.split(/\s+/)
    if (!wanted.includes(name)) continue
    const [user, nice, system, , , irq, softirq, steal] = fields.map(Number)
    ticks += user + nice + system + irq + softirq + steal
  }
  return ticks / TICKS_PER_SECOND
}
