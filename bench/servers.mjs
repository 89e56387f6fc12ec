import { fileURLToPath } from 'node:url'

/**
 * @typedef {object} Server
 * @property {string} title
 * @property {string} file run by node
 * @property {string} protocol a name in load/protocols.mjs
 * @property {string} [logLevel] default: silent, so that there is no logger
 */

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url))
const bare = { file: path('./peers/bare.mjs'), protocol: 'phoenix' }

const naive = { file: path('./peers/naive.mjs'), protocol: 'phoenix' }
const ours = { file: path('../dist/conformance/main.js'), protocol: 'phoenix' }

/**
 * Our server and its peers, and our server with rooms of other kinds. `again` runs `bare` a second time: the difference
 * between the two shows the error of a ratio in this run.
 */
export const servers = /** @satisfies {Record<string, Server>} */ ({
  ours: { title: 'fastify-phoenix', ...ours },
  bare: { title: 'bare ws, ready frame', ...bare },
  again: { title: 'bare ws again (A/A)', ...bare },
  naive: { title: 'naive Fastify + ws', ...naive },
  logging: { title: 'fastify-phoenix, logger at `error`', ...ours, logLevel: 'error' },
  naiveLogging: { title: 'naive Fastify + ws, logger at `error`', ...naive, logLevel: 'error' },
  plain: { title: 'no history', ...ours, protocol: 'plain' },
  kept: { title: 'history, clients that do not ask', ...ours, protocol: 'kept' },
  asked: { title: 'history, clients that ask', ...ours, protocol: 'asked' },
  join: { title: 'no history, one room', ...ours, protocol: 'join' },
  rejoin: { title: 'history, 100 missed', ...ours, protocol: 'rejoin' },
  socketio: { title: 'Socket.IO', file: path('./peers/socketio.mjs'), protocol: 'socketio' },
})

/** @typedef {keyof typeof servers} ServerName */
