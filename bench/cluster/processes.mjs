import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Child processes of a process.
 * @param {number} parent process id
 */
export function childrenOf(parent) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number)
}

/**
 * Number of open sockets of a process.
 * @param {number} pid
 */
export function socketsOf(pid) {
  const links = readdirSync(`/proc/${pid}/fd`).map((name) => readlink(`/proc/${pid}/fd/${name}`))
  return links.filter((link) => link.startsWith('socket:')).length
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0 // the process has ended meanwhile
  }
}

/** @param {string} path */
function readlink(path) {
  try {
    return readlinkSync(path)
  } catch {
    return '' // the file was closed meanwhile
  }
}
